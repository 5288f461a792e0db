/** Log in, choose an event, work. */
import { useModel } from "@muster/ui";
import type { App } from "./app.ts";
import { ChoosePage, LoginPage } from "./parts/login.tsx";
import { Desk } from "./parts/desk.tsx";

export function Root({ app }: { app: App }) {
  const state = useModel(app);
  if (state.session) return <Desk app={app} />;
  if (state.account && state.choices) return <ChoosePage app={app} choices={state.choices} />;
  return <LoginPage app={app} signedOut={state.signedOut} />;
}
