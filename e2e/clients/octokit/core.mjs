// @octokit/core goes through the whole diagram with requests of one's own, for it has no methods.
import { Octokit } from "@octokit/core";
import { diagram } from "./diagram.mjs";
import { requests } from "./calls.mjs";

await diagram((options) => requests(new Octokit(options)));
