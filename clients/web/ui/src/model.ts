/** A model holds one state and tells who shows it. */
import { useEffect, useReducer, useState } from "preact/hooks";

/** How often a hidden page is shown anew at most, milliseconds. */
const HIDDEN_MS = 500;

/** One state, replaced with each change. */
export class Model<State> {
  private readonly listeners = new Set<() => void>();

  constructor(private state_: State) {}

  get state(): State {
    return this.state_;
  }

  /**
   * Replaces some fields and tells the listeners once per frame, however many messages came in between. A hidden page
   * has no frames and hears of it at a slow beat.
   */
  protected set(change: Partial<State>): void {
    this.state_ = { ...this.state_, ...change };
    if (this.telling) return;
    this.telling = true;
    const tell = () => {
      this.telling = false;
      for (const listener of this.listeners) listener();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(tell);
    else setTimeout(tell, HIDDEN_MS);
  }
  private telling = false;

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The model's state, shown anew with each change. */
export function useModel<State>(model: Model<State>): State {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => model.listen(() => again(0)), [model]);
  return model.state;
}

/** The time that `now` tells, again every `every_ms`: for durations that grow on the screen. */
export function useNow(now: () => number, every_ms = 1000): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), every_ms);
    return () => clearInterval(timer);
  }, [now, every_ms]);
  return time;
}
