import { getRouteApi } from "@tanstack/react-router";
import { Page } from "../../components/page.tsx";
import { Tab, Tabs } from "../../components/tabs.tsx";
import { Ignored } from "../../views/ignored.tsx";
import { SavedViews } from "../../views/saved-views.tsx";
import { Installments } from "./installments.tsx";
import { Properties } from "./properties.tsx";

const route = getRouteApi("/late");

/** Who has not paid: what is outstanding by property and age, and the installments that are late. */
export function Late() {
  const { ignored, ...search } = route.useSearch();
  const view = search.view ?? "properties";
  const shared = { property: search.property, currency: search.currency };
  return (
    <Page
      title="Late and ageing"
      fill
      summary={
        view === "properties"
          ? "What is outstanding, by property and by the age of the oldest late installment."
          : "Installments that were not covered when their due day ended where the property is."
      }
      actions={<SavedViews page="/late" />}
    >
      <Ignored parts={ignored} />
      <Tabs label="Views of late rent">
        <Tab search={shared} active={view === "properties"}>
          By property
        </Tab>
        <Tab search={{ ...shared, view: "installments" }} active={view === "installments"}>
          Installments
        </Tab>
      </Tabs>
      {view === "properties" ? <Properties search={search} /> : <Installments search={search} />}
    </Page>
  );
}
