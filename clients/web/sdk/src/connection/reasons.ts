/** What a refusal or a cut means for the next step. Codes are those of MQTT 5, section 2.4. */

/** `retry`: again after a while; `renew`: only with another token; `stop`: never by itself. */
export type Verdict = "retry" | "renew" | "stop";

export const SESSION_TAKEN_OVER = 0x8e;

const RENEW = new Set([
  0x86, // bad user name or password: the token is not (or no longer) good
  0x87, // not authorized: the same, or it expired while connected
  0xa0, // maximum connect time: the token's time is over
]);

const STOP = new Set([
  0x84, // unsupported protocol version
  0x85, // client identifier not valid
  0x8a, // banned
  0x8c, // bad authentication method
  SESSION_TAKEN_OVER, // another device speaks for this person; coming back would start a ping-pong
  0x9d, // server moved
]);

export function verdict(reason: number): Verdict {
  return RENEW.has(reason) ? "renew" : STOP.has(reason) ? "stop" : "retry";
}

/** A refused publish that may be taken later: quota, receive maximum, or a fault of the server's own. */
export function mayRetryPublish(reason: number): boolean {
  return reason === 0x97 || reason === 0x93 || reason === 0x83 || reason === 0x80;
}
