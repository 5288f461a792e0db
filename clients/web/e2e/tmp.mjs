import { Stage } from "./lib/pages.mjs"; import { spawn } from "node:child_process"; import { readFileSync } from "node:fs";
const url="http://localhost:28180"; const pw=readFileSync("/tmp/webrun/out.log","utf8").match(/Organizer password: *(\S+)/)[1];
const stage=await Stage.open(url,"/tmp/webrun");
const pc=await stage.context("p",{viewport:{width:360,height:640},isMobile:true,hasTouch:true,deviceScaleFactor:2});
const pc2=await stage.context("p2",{viewport:{width:360,height:640}});
const dc=await stage.context("d",{viewport:{width:1440,height:900}});
const desk=await dc.newPage(); await desk.goto("/console/"); await desk.getByLabel("E-mail").fill("organizer@demo.example"); await desk.getByLabel("Password").fill(pw); await desk.getByRole("button",{name:"Log in"}).click(); await desk.locator("[data-figure=waiting]").waitFor();
async function join(ctx,name){const p=await ctx.newPage(); await p.goto("/e/FEST-42"); await p.getByLabel("Your name").fill(name); await p.getByRole("button",{name:"Join"}).click(); await p.getByText("Connected").waitFor(); await p.getByRole("button",{name:"I need help"}).click(); await p.getByRole("button",{name:/Urgent/}).click(); await p.getByLabel("What is happening?").fill("Call of "+name); await p.getByRole("button",{name:"Send"}).click(); await p.getByRole("heading",{name:/You are/}).waitFor(); return p;}
const p2=await join(pc2,"Bo"); const p1=await join(pc,"Cleo"); await p1.screenshot({path:"/tmp/webrun/waiting2.png"});
console.log("before", await p1.locator("h1").textContent(), await desk.locator("[data-figure=waiting]").textContent());
process.kill(+readFileSync("/tmp/webrun/pid","utf8"),"SIGKILL");
await p1.getByText("No network").waitFor(); 
await p1.locator("textarea").fill("written while the server was down"); await p1.getByRole("button",{name:"Send"}).click(); await p1.getByText("not sent yet").waitFor();
await desk.getByText("No connection.").waitFor();
const s=spawn("/tmp/webrun/muster-bin",["up","--data-dir","/tmp/webrun/data","--http","127.0.0.1:28180","--mqtt","127.0.0.1:28181","--ws","127.0.0.1:28182"],{cwd:"/tmp/webrun",stdio:"ignore",detached:true}); s.unref(); (await import("node:fs")).writeFileSync("/tmp/webrun/pid",String(s.pid));
const t=Date.now(); await p1.getByText("Connected").waitFor({timeout:60000}); console.log("phone back after",Date.now()-t); await desk.locator(".truth").getByText("Connected").waitFor({timeout:60000}); console.log("desk back after",Date.now()-t);
await p1.locator(".delivery.good").waitFor();
console.log("same page:", await desk.locator("[data-figure=waiting]").textContent());
await desk.reload(); await desk.locator("[data-figure=waiting]").waitFor(); await desk.waitForTimeout(2000);
console.log("after reload waiting:", await desk.locator("[data-figure=waiting]").textContent());
await p1.reload(); await p1.waitForTimeout(1500); console.log("phone:", await p1.locator("h1").textContent());
const row=desk.locator("[data-row]",{hasText:"Cleo"}); if(await row.count()){await row.last().click(); await desk.keyboard.press("c"); await desk.waitForTimeout(1500); console.log(await desk.locator(".case .standing").textContent(), await desk.locator("[role=log] .text").allTextContents()); await desk.screenshot({path:"/tmp/webrun/desk.png"});}
await stage.browser.close(); console.log(stage.problems); process.exit(0);
