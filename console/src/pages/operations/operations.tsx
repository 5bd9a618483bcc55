import { getRouteApi } from "@tanstack/react-router";
import { Page } from "../../components/page.tsx";
import { Tab, Tabs } from "../../components/tabs.tsx";
import { Ignored } from "../../views/ignored.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { HealthView } from "./health.tsx";

const route = getRouteApi("/operations");

/** Whether everything runs: workers, lag, feeds; and the records that could not be read. */
export function Operations() {
  const { ignored, view } = route.useSearch();
  const letters = view === "dead-letters";
  return (
    <Page title="Operations" fill={letters} summary="Whether records come in, and how far they have been worked.">
      <Ignored parts={ignored} />
      <Tabs label="Views of operations">
        <Tab search={{}} active={!letters}>
          Health
        </Tab>
        <Tab search={{ view: "dead-letters" }} active={letters}>
          Dead letters
        </Tab>
      </Tabs>
      {letters ? <DeadLetters /> : <HealthView />}
    </Page>
  );
}
