package forge

import "strings"

// maxJudged is how many bytes of a forge's words are looked at.
const maxJudged = 64 << 10

// remedy is what to do when a forge's words hold one of some texts, in lower case.
type remedy struct {
	texts []string
	hint  string
}

// remedies are in order: the first that fits counts. The texts are those of real pushes, as people quoted them in public.
var remedies = []remedy{
	{ // "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/x.yml` without `workflow` scope"
		texts: []string{"without `workflow` scope", "without `workflows` permission", "without workflow scope", "without workflows permission"},
		hint:  "Give a token with the scope workflow (a fine-grained one: the permission Workflows, read and write), because history has files in .github/workflows; or push over SSH.",
	},
	{ // "deny updating a hidden ref", of refs/pull/* at GitHub and refs/merge-requests/* at GitLab
		texts: []string{"hidden ref", "refs/pull/ is reserved"},
		hint:  "The forge keeps refs of this kind for itself: leave them out with {exclude_refs}.",
	},
	{ // GH013 with "Push cannot contain secrets"; GH009; GitLab "PUSH BLOCKED: Secrets detected in code changes"; Azure "might contain credentials or other secrets"
		texts: []string{"push cannot contain secrets", "github push protection", "gh009", "secrets detected", "secret detection", "credentials or other secrets"},
		hint:  "History holds what looks like a password or token: revoke it, then allow it by the link in the forge's words, or switch push protection off for the time of the move.",
	},
	{ // "GH001: Large files detected", "File x is 301.74 MB; this exceeds GitHub's file size limit of 100.00 MB"; GitLab "blobs which exceed the 100.0MiB limit", "is larger than the allowed size of 1 MB"
		texts: []string{"gh001", "file size limit", "blobs which exceed", "larger than the allowed size", "files exceeding the size limit", "object too large", "exceeds the maximum file size"},
		hint:  "Choose Git LFS for large files: {use_lfs: opt_in}.",
	},
	{ // "fatal: pack exceeds maximum allowed size (2.00 GiB)"
		texts: []string{"pack exceeds maximum allowed size", "exceeds the maximum push size", "request entity too large", "http 413", "status 413"},
		hint:  "Choose a {push_limit} below what the forge takes at once: then the push goes in several, oldest history first.",
	},
	{ // "GH007: Your push would publish a private email address"
		texts: []string{"gh007", "email privacy restrictions"},
		hint:  "Allow it for the time of the move (at GitHub: Settings, Emails, Block command line pushes that expose my email), or change the address with an author map ({authors}).",
	},
	{ // "The 'x' organization has enabled or enforced SAML SSO"
		texts: []string{"saml", "single sign-on"},
		hint:  "Authorise the token or key for the organisation's single sign-on, at the forge among your tokens or keys.",
	},
	{ // "GH013: Repository rule violations found for refs/heads/main"
		texts: []string{"gh013", "repository rule violations"},
		hint:  "A ruleset of the repository or organisation forbids it: disable it for the time of the move, or put whoever's token it is on its bypass list.",
	},
	{ // GitLab's push rules; Azure VS403702
		texts: []string{"does not follow the pattern", "is not a member of team", "is not a gitlab user", "must be signed", "unverified", "you cannot push commits for", "policy-specified patterns", "committer is not"},
		hint:  "A rule on commits forbids it, and history does not keep to it: switch that rule off for the time of the move, for this repository.",
	},
	{ // "Your push has been rejected, because this repository has exceeded its size limit of 10 GB by 660 MB"; Bitbucket "in read only mode (over 2 GB size limit)"; Forgejo "quota exceeded"
		texts: []string{"exceeded its size limit", "exceed your repository size limit", "exceeds the limit of", "gb size limit", "over its size limit", "quota", "repository size exceeds", "storage limit", "no space left on device", "will increase this repository size"},
		hint:  "The forge has no room for it: raise the limit there, make room, or choose Git LFS for large files ({use_lfs: opt_in}).",
	},
	{ // "This repository was archived so it is read-only"
		texts: []string{"archived", "read-only", "read only", "repository is a mirror"},
		hint:  "Make the repository writable at the forge: unarchive it, or end its being a mirror.",
	},
	{ // TF401027 "You need the Git 'ForcePush' permission to perform this action"
		texts: []string{"tf401027", "'forcepush' permission", "genericcontribute"},
		hint:  "Grant whoever's token it is the permission that the forge names, in the repository's security settings (for branches that are there already: Force push).",
	},
	{ // "GH006: Protected branch update failed"; GitLab "You are not allowed to (force) push code to (a) protected branch(es) on this project"; Gitea "Not allowed to push to protected branch x", "Tag x is protected"; TF402455
		texts: []string{"protected branch", "gh006", "gh003", "is protected", "are protected", "protected tag", "protected from", "tf402455", "must use a pull request"},
		hint:  "Unprotect the branch or tag at the forge for the time of the move, or allow whoever's token it is to push and force push to it; or leave it out with {exclude_refs}.",
	},
	{ // git's own: receive.denyNonFastForwards, receive.denyDeletes, receive.denyDeleteCurrent
		texts: []string{"denying non-fast-forward", "non-fast-forward", "deletion prohibited", "deletion of the current branch", "refusing to delete the current branch"},
		hint:  "The destination forbids to move refs back or to delete them: allow it there for the time of the move.",
	},
	{ // refs/heads/a beside refs/heads/a/b
		texts: []string{"name conflicts with", "; cannot create 'refs/", "directory/file conflict"},
		hint:  "Two refs cannot have such names beside each other there: delete or rename one, or leave one out with {exclude_refs}.",
	},
	{ // receive.fsckObjects
		texts: []string{"fsck error", "zeropaddedfilemode", "missingspacebeforedate", "badtimezone", "missingemail", "badname", "nullsha1", "duplicateentries", "treenotsorted", "gitmodulesurl", "hasdotgit"},
		hint:  "History has a fault that the forge does not take: whoever runs it can allow it with receive.fsck.",
	},
	{ // "Permission to o/r.git denied to u"; "Write access to repository not granted"; GitLab "You are not allowed to push code to this project"; Gitea "User permission denied for writing"
		texts: []string{"permission denied", "permission to ", "write access to repository not granted", "not allowed to push code", "you don't have permission", "insufficient permission", "not authorized"},
		hint:  "Give a token or key of somebody who may push there, with the right to write.",
	},
}

// Hint returns one sentence on what to do about a forge's words for a refused ref or push, "" when nothing better is known.
// The words tell forges apart well enough that no hint needs the kind.
func Hint(_ Kind, words string) string {
	words = strings.ToLower(words[:min(len(words), maxJudged)])
	for _, r := range remedies {
		for _, text := range r.texts {
			if strings.Contains(words, text) {
				return r.hint
			}
		}
	}
	return ""
}
