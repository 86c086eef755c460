// Webhooks, as they come to a receiver.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { verify } from "@octokit/webhooks-methods";

const { EVENTS, SECRET } = process.env;

// told waits for the nth webhook of a kind (ping, or how the import ended), checks both signatures and returns the payload.
export async function told(kind, n) {
  const response = await fetch(`${EVENTS}/${kind}/${n}`);
  assert.ok(response.ok, `webhook ${n} ${kind}: ${response.status}`);
  const { headers, body } = await response.json();
  assert.ok(await verify(SECRET, body, headers["x-hub-signature-256"]));
  assert.equal(headers["x-hub-signature"], `sha1=${createHmac("sha1", SECRET).update(body).digest("hex")}`);
  return JSON.parse(body);
}
