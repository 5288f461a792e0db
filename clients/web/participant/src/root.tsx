/** Chooses the page by address and by what is known. */
import { useModel } from "@muster/ui";
import type { App } from "./app.ts";
import { AskPage } from "./pages/ask.tsx";
import { FindPage } from "./pages/find.tsx";
import { HelpPage } from "./pages/help.tsx";
import { HomePage } from "./pages/home.tsx";
import { JoinPage } from "./pages/join.tsx";
import { useRoute } from "./route.ts";

export function Root({ app }: { app: App }) {
  const state = useModel(app);
  const { page, code } = useRoute();
  const joined = state.session?.event.join_code;
  if (code && (code !== joined || state.over)) return <JoinPage app={app} code={code} key={code} />;
  if (!state.session || !code) return <FindPage recent={state.session?.event} app={app} />;
  if (page.name === "help" && (app.helpOpen || state.case)) return <HelpPage app={app} />;
  if (page.name === "ask" && !app.helpOpen) return <AskPage app={app} kind={page.kind} key={page.kind} />;
  return <HomePage app={app} />;
}
