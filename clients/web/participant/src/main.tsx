import "@muster/ui/base.css";
import "./style.css";
import { openStore } from "@muster/sdk";
import { render } from "preact";
import { App } from "./app.ts";
import { Root } from "./root.tsx";

const app = new App(await openStore("muster-participant"));
await app.open();
render(<Root app={app} />, document.getElementById("app")!);
