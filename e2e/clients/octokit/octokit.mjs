// octokit goes through the whole diagram with its own methods. It tries again by itself, and writes once a second at most.
import { Octokit } from "octokit";
import { diagram } from "./diagram.mjs";
import { methods } from "./calls.mjs";

const throttle = { onRateLimit: () => false, onSecondaryRateLimit: () => false };
await diagram((options) => methods(new Octokit({ ...options, throttle })));
