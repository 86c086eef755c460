package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"rehome"
)

var (
	urls = URLs{Root: "https://new.example", API: "https://new.example/api/v3"}
	repo = rehome.Repository{ID: 7, Name: "socm", DefaultBranch: "main", Owner: rehome.Owner{ID: 3, Login: "labs", Kind: rehome.Organization}}
)

// keys are an object's, which has each once.
func keys(t *testing.T, o *Object) []string {
	t.Helper()
	var all []string
	for _, f := range o.fields {
		if slices.Contains(all, f.key) {
			t.Errorf("%s is there twice", f.key)
		}
		all = append(all, f.key)
	}
	return all
}

func TestRepositoryKeys(t *testing.T) {
	have := keys(t, Repository(urls, repo, Rights{}))
	for _, key := range strings.Fields(`id node_id name full_name private owner html_url description fork url created_at updated_at pushed_at git_url
		clone_url homepage size language forks_count open_issues_count default_branch permissions archived disabled visibility topics has_issues`) {
		if !slices.Contains(have, key) {
			t.Errorf("%s is missing", key)
		}
	}
	in := keys(t, RepositoryInPayload(urls, repo))
	for _, key := range strings.Fields("permissions organization") {
		if slices.Contains(in, key) {
			t.Errorf("a payload's repository has %s", key)
		}
	}
}

// TestTemplates: URLs stand on the object's own.
func TestTemplates(t *testing.T) {
	text := Must(Encode(New("repository", RepositoryInPayload(urls, repo), "organization", OrganizationInPayload(urls, repo.Owner), "sender", Owner(urls, repo.Owner))))
	var got map[string]map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][3]string{
		{"repository", "keys_url", "https://new.example/api/v3/repos/labs/socm/keys{/key_id}"},
		{"repository", "archive_url", "https://new.example/api/v3/repos/labs/socm/{archive_format}{/ref}"},
		{"organization", "hooks_url", "https://new.example/api/v3/orgs/labs/hooks"},
		{"organization", "url", "https://new.example/api/v3/orgs/labs"},
		{"sender", "url", "https://new.example/api/v3/users/labs"},
		{"sender", "followers_url", "https://new.example/api/v3/users/labs/followers"},
		{"repository", "clone_url", "https://new.example/labs/socm.git"},
	} {
		if got[want[0]][want[1]] != want[2] {
			t.Errorf("%s of the %s is %v, want %s", want[1], want[0], got[want[0]][want[1]], want[2])
		}
	}
}
