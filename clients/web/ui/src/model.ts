/** A model holds one state and tells who shows it. */
import { useEffect, useReducer, useState } from "preact/hooks";

export class Model<State> {
  private readonly listeners = new Set<() => void>();

  constructor(private state_: State) {}

  get state(): State {
    return this.state_;
  }

  /** Replaces some fields and tells the listeners, together with other changes of the same turn. */
  protected set(change: Partial<State>): void {
    this.state_ = { ...this.state_, ...change };
    if (this.telling) return;
    this.telling = true;
    queueMicrotask(() => {
      this.telling = false;
      for (const listener of this.listeners) listener();
    });
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
