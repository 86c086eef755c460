// @octokit/rest goes through the whole diagram with its own methods.
import { Octokit } from "@octokit/rest";
import { diagram } from "./diagram.mjs";
import { methods } from "./calls.mjs";

await diagram((options) => methods(new Octokit(options)));
