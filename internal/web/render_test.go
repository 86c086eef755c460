package web

import "testing"

func TestTabs(t *testing.T) {
	for path, want := range map[string]string{
		"/o/r/import": "", "/o/r/import/authors": "authors", "/o/r/import/webhooks": "webhooks", "/o/r/import/webhooks/7": "webhooks", "/o/r/import/webhooksandmore": "none",
	} {
		for _, page := range []string{"", "authors", "webhooks"} {
			if got := tabOf("", path, page, page).Here; got != (page == want) {
				t.Errorf("%s is on the tab %q: %t", path, page, got)
			}
		}
	}
}
