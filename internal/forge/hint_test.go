package forge

import (
	"strings"
	"testing"
)

// The words are those of real pushes, as people quoted them in public issues and the forges in their documentation.
func TestHint(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"refusing to allow a Personal Access Token to create or update workflow `.github/workflows/release.yaml` without `workflow` scope", "scope workflow"},
		{"refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` without `workflows` permission", "scope workflow"},
		{"deny updating a hidden ref", "{exclude_refs}"},
		{"pre-receive hook declined\nerror: File x.zip is 301.74 MB; this exceeds GitHub's file size limit of 100.00 MB error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com/.", "{use_lfs: opt_in}"},
		{"pre-receive hook declined\nGitLab: You are attempting to check in one or more blobs which exceed the 100.0MiB limit:", "{use_lfs: opt_in}"},
		{`GitLab: File "big_file" is larger than the allowed size of 1 MB`, "{use_lfs: opt_in}"},
		{"error Object too large (2,577,619,487 bytes), rejecting the pack. Max object size limit is 2,147,483,639 bytes.", "{use_lfs: opt_in}"},
		{"index-pack abnormal exit\nfatal: pack exceeds maximum allowed size (2.00 GiB)", "{push_limit}"},
		{"push declined due to repository rule violations\nerror: GH013: Repository rule violations found for refs/heads/main. - GITHUB PUSH PROTECTION - Push cannot contain secrets", "revoke it"},
		{"push declined due to repository rule violations\nerror: GH013: Repository rule violations found for refs/heads/main. - Changes must be made through a pull request.", "ruleset"},
		{"The push was rejected because it might contain credentials or other secrets.", "revoke it"},
		{"protected branch hook declined\nerror: GH006: Protected branch update failed for refs/heads/main.", "Unprotect"},
		{"pre-receive hook declined\nGitLab: You are not allowed to force push code to a protected branch on this project.", "Unprotect"},
		{"pre-receive hook declined\nGitLab: You are not allowed to push code to protected branches on this project.", "Unprotect"},
		{"pre-receive hook declined\nGitea: Not allowed to push to protected branch main", "Unprotect"},
		{"pre-receive hook declined\nGitea: branch main is protected from force push", "Unprotect"},
		{"pre-receive hook declined\nGitea: Tag v1 is protected", "Unprotect"},
		{"TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.", "Unprotect"},
		{"TF401027: You need the Git 'ForcePush' permission to perform this action. Details: identity 'x', scope 'branch'.", "permission"},
		{"push declined due to email privacy restrictions\nerror: GH007: Your push would publish a private email address.", "{authors}"},
		{"VS403702: The push was rejected because one or more commits contain author email 'a@b' which does not match the policy-specified patterns.", "rule on commits"},
		{`GitLab: Commit message does not follow the pattern 'JIRA-\d+'`, "rule on commits"},
		{"GitLab: Your push has been rejected, because this repository has exceeded its size limit of 10 GB by 660 MB. Please contact your GitLab administrator for more information.", "no room"},
		{"pre-receive hook declined\nrepository is in read only mode (over 2 GB size limit).", "no room"},
		{"The blob object c369b024 was rejected: The object will increase this repository size by 7772458 bytes (the limit is 4194304 bytes).", "no room"},
		{"ERROR: This repository was archived so it is read-only.", "unarchive"},
		{"Name conflicts with refs/heads/release/x", "beside each other"},
		{"GitLab: You are not allowed to push code to this project.", "may push there"},
		{"The 'o' organization has enabled or enforced SAML SSO.", "single sign-on"},
		{"pre-receive hook declined", ""},
		{"something else entirely", ""},
		{"", ""},
	} {
		got := Hint(Unknown, c.words)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.words, got, c.want)
		}
	}
	Hint(GitHub, strings.Repeat("x", 2*maxJudged))
}

func TestRemediesCanMatch(t *testing.T) {
	for _, r := range remedies {
		for _, text := range r.texts {
			if text != strings.ToLower(text) || text == "" {
				t.Errorf("%q never matches: words are compared in lower case", text)
			}
		}
		if r.hint == "" || !strings.HasSuffix(r.hint, ".") {
			t.Errorf("%q is no sentence", r.hint)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		host string
		kind Kind
		want Limits
	}{
		{"GitHub.com", GitHub, Limits{2 << 30, 100 << 20}},
		{"octo.ghe.com", GitHub, Limits{2 << 30, 100 << 20}},
		{"github.corp", GitHub, Limits{2 << 30, 0}},
		{"gitlab.com", GitLab, Limits{5000 << 20, 0}},
		{"gitlab.corp", GitLab, Limits{}},
		{"bitbucket.org", Unknown, Limits{3500 << 20, 0}},
		{"dev.azure.com", Unknown, Limits{5_000_000_000, 0}},
		{"git.corp", Unknown, Limits{}},
		{"notgithub.com", Unknown, Limits{}},
	} {
		if got := LimitsOf(c.host, c.kind); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.host, got, c.want)
		}
	}
	if got := PushOptions(GitLab); len(got) != 1 || got[0] != "ci.skip" || PushOptions(GitHub) != nil || PushOptions(Gitea) != nil {
		t.Errorf("push options: %q", got)
	}
}
