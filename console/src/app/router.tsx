import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { auditSearch } from "../pages/audit/search.ts";
import { decisionsSearch } from "../pages/decisions/search.ts";
import { exceptionsSearch } from "../pages/exceptions/search.ts";
import { lateSearch } from "../pages/late/search.ts";
import { operationsSearch } from "../pages/operations/search.ts";
import { paymentsSearch } from "../pages/payments/search.ts";
import { payoutsSearch } from "../pages/payouts/search.ts";
import { Failed, NotFound } from "./fallbacks.tsx";
import { parseSearch, reader, stringifySearch } from "./search.ts";
import { Shell } from "./shell.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Failed });

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/overview/overview.tsx"), "Overview"),
});
const exceptions = createRoute({
  getParentRoute: () => root,
  path: "/exceptions",
  validateSearch: reader(exceptionsSearch),
  component: lazyRouteComponent(() => import("../pages/exceptions/exceptions.tsx"), "Exceptions"),
});
const late = createRoute({
  getParentRoute: () => root,
  path: "/late",
  validateSearch: reader(lateSearch),
  component: lazyRouteComponent(() => import("../pages/late/late.tsx"), "Late"),
});
const payments = createRoute({
  getParentRoute: () => root,
  path: "/payments",
  validateSearch: reader(paymentsSearch),
  component: lazyRouteComponent(() => import("../pages/payments/payments.tsx"), "Payments"),
});
const payouts = createRoute({
  getParentRoute: () => root,
  path: "/payouts",
  validateSearch: reader(payoutsSearch),
  component: lazyRouteComponent(() => import("../pages/payouts/payouts.tsx"), "Payouts"),
});
const operations = createRoute({
  getParentRoute: () => root,
  path: "/operations",
  validateSearch: reader(operationsSearch),
  component: lazyRouteComponent(() => import("../pages/operations/operations.tsx"), "Operations"),
});
const exception = createRoute({
  getParentRoute: () => root,
  path: "/exceptions/$id",
  component: lazyRouteComponent(() => import("../pages/exception/exception.tsx"), "ExceptionPage"),
});
const payment = createRoute({
  getParentRoute: () => root,
  path: "/payments/$id",
  component: lazyRouteComponent(() => import("../pages/payment/payment.tsx"), "PaymentPage"),
});
const obligation = createRoute({
  getParentRoute: () => root,
  path: "/obligations/$id",
  component: lazyRouteComponent(() => import("../pages/obligation/obligation.tsx"), "ObligationPage"),
});
const lease = createRoute({
  getParentRoute: () => root,
  path: "/leases/$id",
  component: lazyRouteComponent(() => import("../pages/parties/lease.tsx"), "LeasePage"),
});
const tenant = createRoute({
  getParentRoute: () => root,
  path: "/tenants/$id",
  component: lazyRouteComponent(() => import("../pages/parties/tenant.tsx"), "TenantPage"),
});
const property = createRoute({
  getParentRoute: () => root,
  path: "/properties/$id",
  component: lazyRouteComponent(() => import("../pages/parties/property.tsx"), "PropertyPage"),
});
const reference = createRoute({
  getParentRoute: () => root,
  path: "/references/$id",
  component: lazyRouteComponent(() => import("../pages/reference/reference.tsx"), "ReferencePage"),
});
const payout = createRoute({
  getParentRoute: () => root,
  path: "/payouts/$id",
  component: lazyRouteComponent(() => import("../pages/payout/payout.tsx"), "PayoutPage"),
});
const bankEntry = createRoute({
  getParentRoute: () => root,
  path: "/bank-entries/$id",
  component: lazyRouteComponent(() => import("../pages/bank-entry/bank-entry.tsx"), "BankEntryPage"),
});
const decisions = createRoute({
  getParentRoute: () => root,
  path: "/decisions",
  validateSearch: reader(decisionsSearch),
  component: lazyRouteComponent(() => import("../pages/decisions/decisions.tsx"), "Decisions"),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: reader(auditSearch),
  component: lazyRouteComponent(() => import("../pages/audit/audit.tsx"), "Audit"),
});
const tokens = createRoute({
  getParentRoute: () => root,
  path: "/tokens",
  component: lazyRouteComponent(() => import("../pages/tokens/tokens.tsx"), "Tokens"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    exceptions,
    exception,
    late,
    payments,
    payment,
    obligation,
    lease,
    tenant,
    property,
    reference,
    payouts,
    payout,
    bankEntry,
    decisions,
    operations,
    audit,
    tokens,
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingMs: 200,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
