package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// dashboard is the part of Grafana's format that is looked at.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ Type, UID string }
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, RefID string }
}

// asked finds the names of metrics in a query: those that begin as ours or the client library's do.
var asked = regexp.MustCompile(`\b(rehome|go|process)_[a-z_]+`)

// TestDashboard: it asks for metrics that there are, and for all of ours.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/rehome.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	there, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, told(t))))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, query := range queries(t, d) {
		names := asked.FindAllString(query, -1)
		if len(names) == 0 {
			t.Errorf("%q asks for nothing", query)
		}
		for _, name := range names {
			family := name
			if there[family] == nil {
				family = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
			}
			if there[family] == nil {
				t.Errorf("%q asks for %s, which there is not", query, name)
			}
			used[family] = true
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "rehome_") && !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// queries returns what the dashboard asks, having looked at its form.
func queries(t *testing.T, d dashboard) (all []string) {
	t.Helper()
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("dashboard %q, %q of schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
		t.Error("the first variable is not the data source")
	}
	for _, v := range d.Templating.List[1:] {
		all = append(all, v.Definition)
	}
	ids := map[int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] != "" || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %q has the id %d of %q", p.Title, p.ID, ids[p.ID])
		}
		ids[p.ID] = p.Title
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q asks %q %d things", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, other := range d.Panels {
			if a, b := p.GridPos, other.GridPos; p.ID != other.ID && a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q lie upon each other", p.Title, other.Title)
			}
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
			refs[target.RefID] = true
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%q does not close what it opens", target.Expr)
			}
		}
		if len(refs) != len(p.Targets) {
			t.Errorf("panel %q names two queries alike: %v", p.Title, slices.Sorted(maps.Keys(refs)))
		}
	}
	return all
}
