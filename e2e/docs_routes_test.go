package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// openAPI is openapi.json, as far as pages name what is in it.
type openAPI struct{ root map[string]any }

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "internal", "api", "openapi.json"))
	var d openAPI
	if err == nil {
		err = json.Unmarshal(text, &d.root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows keys, and references on the way; nil where there is nothing.
func (d openAPI) at(from map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		from, _ = from[key].(map[string]any)
		if ref, ok := from["$ref"].(string); ok {
			from = d.at(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return from
}

// operations are those that a path may mean; … at its beginning stands for anything, and so does an empty method.
func (d openAPI) operations(method, path string) []map[string]any {
	var found []map[string]any
	for pattern := range d.at(d.root, "paths") {
		if !meansPath(pattern, path) {
			continue
		}
		for name := range d.at(d.root, "paths", pattern) {
			if o := d.at(d.root, "paths", pattern, name); o["responses"] != nil && (method == "" || strings.EqualFold(name, method)) {
				found = append(found, o)
			}
		}
	}
	return found
}

func meansPath(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if have[0] == "…" {
		have = have[1:]
		want = want[max(0, len(want)-len(have)):]
		if len(have) == 0 || want[0] != have[0] {
			return false
		}
	}
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || strings.HasPrefix(w, "{") && h != "" })
}

// fields are the names of what a schema describes, at its first level.
func (d openAPI) fields(schema map[string]any) []string {
	var names []string
	for name := range d.at(schema, "properties") {
		names = append(names, name)
	}
	for _, way := range []string{"allOf", "anyOf", "oneOf"} {
		parts, _ := schema[way].([]any)
		for _, part := range parts {
			names = append(names, d.fields(d.at(map[string]any{"": part}, ""))...)
		}
	}
	return names
}

// queries are the names of what may stand behind the question mark of an operation.
func (d openAPI) queries(o map[string]any) []string {
	var names []string
	parts, _ := o["parameters"].([]any)
	for _, part := range parts {
		if p := d.at(map[string]any{"": part}, ""); p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

var (
	asked   = regexp.MustCompile(`\b(GET|PUT|POST|PATCH|DELETE)\s+["']?(?:\$R|\$API|https://rehome\.example)?((?:/|…/|repos/)[^\s"'` + "`" + `,;:)]+)`)
	askedOf = regexp.MustCompile(`(?:\$R|\$API|https://rehome\.example)(/[^\s"'` + "`" + `,;)]+)`)
	sent    = regexp.MustCompile(`(?:--json|-d) '(\{.*?\})'(?:\s|$)`)
	ofPages = regexp.MustCompile("`page [A-Z]+ [^`]*`") // the pattern of a page, which is not the API's
	quoted  = regexp.MustCompile("`\\{?\"([a-z_]+)\": ?[^`]*`")
)

// TestDocsRoutes wants every call of the API that the pages name to be described, with its fields and queries.
func TestDocsRoutes(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	var every []string
	for name := range d.at(d.root, "components", "schemas") {
		every = append(every, d.fields(d.at(d.root, "components", "schemas", name))...)
	}
	seen := 0
	for path, text := range docs(t) {
		for _, line := range paragraphs(text) {
			if strings.Contains(line, "are not there") || strings.Contains(line, "The same is answered below") {
				continue
			}
			seen += d.checkLine(t, path, line)
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				if filepath.Base(path) != "formats.md" && !slices.Contains(every, m[1]) {
					t.Errorf("%s: the API has no field %q", path, m[1])
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d calls were found", seen)
	}
}

// paragraphs joins the lines of sentences and leaves those of code apart.
func paragraphs(text string) []string {
	var joined []string
	fenced, open := false, false
	for _, line := range strings.Split(continued.ReplaceAllString(text, " "), "\n") {
		fence := strings.HasPrefix(line, "```")
		fenced = fenced != fence
		apart := fenced || fence || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "* ") || line == ""
		if open && (!apart) {
			joined[len(joined)-1] += " " + line
		} else {
			joined = append(joined, line)
		}
		open = !fenced && !fence && line != "" && !strings.HasPrefix(line, "    ")
	}
	return joined
}

// checkLine returns how many calls a line has.
func (d openAPI) checkLine(t *testing.T, page, line string) (calls int) {
	t.Helper()
	line = ofPages.ReplaceAllString(line, "")
	check := func(method, target string) []map[string]any {
		target = strings.TrimRight(target, ".")
		if strings.HasPrefix(target, "repos/") { // as gh has it
			target = "/" + target
		}
		path, query, _ := strings.Cut(target, "?")
		if strings.HasPrefix(path, "/-/") || strings.HasSuffix(path, ".git") {
			return nil // pages and git
		}
		calls++
		found := d.operations(method, path)
		if len(found) == 0 {
			t.Errorf("%s: %s %s is not described: %s", page, method, path, line)
			return nil
		}
		names, err := url.ParseQuery(query)
		if err != nil {
			t.Errorf("%s: %v: %s", page, err, line)
		}
		for name := range names {
			if !slices.ContainsFunc(found, func(o map[string]any) bool { return slices.Contains(d.queries(o), name) }) {
				t.Errorf("%s: %s takes no %s: %s", page, path, name, line)
			}
		}
		return found
	}
	var found []map[string]any
	for _, m := range asked.FindAllStringSubmatch(line, -1) {
		found = append(found, check(m[1], m[2])...)
	}
	if len(found) == 0 {
		for _, m := range askedOf.FindAllStringSubmatch(line, -1) {
			found = append(found, check("", m[1])...)
		}
	}
	d.checkSent(t, page, line, found)
	return calls
}

// checkSent looks at the fields of a body that a line sends.
func (d openAPI) checkSent(t *testing.T, page, line string, to []map[string]any) {
	t.Helper()
	m := sent.FindStringSubmatch(line)
	if m == nil || len(to) == 0 {
		return
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(m[1]), &body); err != nil {
		t.Errorf("%s: %v: %s", page, err, line)
	}
	for name := range body {
		if !slices.ContainsFunc(to, func(o map[string]any) bool {
			return slices.Contains(d.fields(d.at(o, "requestBody", "content", "application/json", "schema")), name)
		}) {
			t.Errorf("%s: no field %q is taken: %s", page, name, line)
		}
	}
}
