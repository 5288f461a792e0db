/** The topics of one event, as `domain/src/topic.rs` has them: names to publish, filters to subscribe, and a reader. */

/** What a topic of an event is about; `undefined` fields do not apply. */
export type Topic =
  | { about: "info" }
  | { about: "case"; client: string }
  | { about: "chat"; client: string; sender: string }
  | { about: "seen"; client: string; sender: string }
  | { about: "location"; client: string }
  | { about: "queue" }
  | { about: "done" };

export class Topics {
  private readonly root: string;

  /** @param event the event's id, which is a UUID and so adds no level and no wildcard */
  constructor(event: string) {
    this.root = `ev/${event}/`;
  }

  readonly info = () => `${this.root}info`;
  readonly queue = () => `${this.root}queue/help/state`;
  readonly alerts = () => `${this.root}alert/+`;
  readonly help = (me: string) => `${this.root}help/${me}`;
  readonly case = (client: string) => `${this.root}case/${client}`;
  readonly chat = (client: string, sender: string) => `${this.root}chat/${client}/${sender}`;
  readonly seen = (client: string, sender: string) => `${this.root}chat/${client}/${sender}/seen`;
  readonly location = (client: string) => `${this.root}loc/participants/${client}`;
  readonly command = (verb: "claim" | "close" | "release", me: string) => `${this.root}do/${verb}/${me}`;
  readonly done = (me: string) => `${this.root}done/${me}`;

  /** Reads a topic name; `undefined` for another event's or one that nobody here asked for. */
  read(topic: string): Topic | undefined {
    if (!topic.startsWith(this.root)) return undefined;
    const [first, a, b, c, ...more] = topic.slice(this.root.length).split("/");
    if (more.length > 0) return undefined;
    if (first === "info" && a === undefined) return { about: "info" };
    if (first === "case" && a && b === undefined) return { about: "case", client: a };
    if (first === "chat" && a && b && c === undefined) return { about: "chat", client: a, sender: b };
    if (first === "chat" && a && b && c === "seen") return { about: "seen", client: a, sender: b };
    if (first === "loc" && a === "participants" && b && c === undefined) return { about: "location", client: b };
    if (first === "queue" && a === "help" && b === "state" && c === undefined) return { about: "queue" };
    if (first === "done" && a && b === undefined) return { about: "done" };
    return undefined;
  }
}
