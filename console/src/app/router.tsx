import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { exceptionsSearch } from "../pages/exceptions/search.ts";
import { lateSearch } from "../pages/late/search.ts";
import { operationsSearch } from "../pages/operations/search.ts";
import { paymentsSearch } from "../pages/payments/search.ts";
import { payoutsSearch } from "../pages/payouts/search.ts";
import { Failed, NotBuilt, NotFound } from "./fallbacks.tsx";
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
const exception = createRoute({ getParentRoute: () => root, path: "/exceptions/$id", component: NotBuilt });
const payment = createRoute({ getParentRoute: () => root, path: "/payments/$id", component: NotBuilt });
const obligation = createRoute({ getParentRoute: () => root, path: "/obligations/$id", component: NotBuilt });
const lease = createRoute({ getParentRoute: () => root, path: "/leases/$id", component: NotBuilt });
const tenant = createRoute({ getParentRoute: () => root, path: "/tenants/$id", component: NotBuilt });
const property = createRoute({ getParentRoute: () => root, path: "/properties/$id", component: NotBuilt });
const reference = createRoute({ getParentRoute: () => root, path: "/references/$id", component: NotBuilt });
const payout = createRoute({ getParentRoute: () => root, path: "/payouts/$id", component: NotBuilt });
const bankEntry = createRoute({ getParentRoute: () => root, path: "/bank-entries/$id", component: NotBuilt });
const decisions = createRoute({ getParentRoute: () => root, path: "/decisions", component: NotBuilt });
const audit = createRoute({ getParentRoute: () => root, path: "/audit", component: NotBuilt });
const tokens = createRoute({ getParentRoute: () => root, path: "/tokens", component: NotBuilt });

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
