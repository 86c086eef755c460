package web

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/picture"
	"rehome/internal/testenv"
)

// maxPicture is the most bytes of one picture, with its legend and its table.
const maxPicture = 40 << 10

// figures are the pictures in a piece of a page, after checkPage looked at it.
func figures(t *testing.T, page string) (all []string) {
	t.Helper()
	checkPage(t, "pictures", page)
	for _, one := range strings.Split(page, `<figure class="picture">`)[1:] {
		body, _, whole := strings.Cut(one, "</figure>")
		if !whole || !strings.Contains(body, "<details>") {
			t.Fatalf("a picture without an end, or without its numbers: %.300s", one)
		}
		if len(body) > maxPicture {
			t.Errorf("a picture has %d bytes, of which %.200s …", len(body), body)
		}
		all = append(all, body)
	}
	return all
}

func drawnBy(t *testing.T, page, name string, body any) []string {
	t.Helper()
	var b bytes.Buffer
	if err := pages[page].ExecuteTemplate(&b, name, body); err != nil {
		t.Fatal(err)
	}
	return figures(t, string(bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD"))))
}

// manyEvil are the evil ones, and those that take most room.
func manyEvil() []string {
	return append(slices.Clone(evil), strings.Repeat(`"`, 4000), strings.Repeat("&", 4000), strings.Repeat("<", 500), strings.Repeat("\u202e\U0001F469\u200d\U0001F4BB", 300), `</svg><script>alert(1)</script>`, `</title></desc></svg><img src=x onerror=alert(1)>`, strings.Repeat("a/", 2000), "")
}

// TestPicturesStaySmall draws the most there can be, with the worst names. Of 600 months there are 50 columns; of 360 the most, 120.
func TestPicturesStaySmall(t *testing.T) {
	for _, months := range []int{600, 360, 120, 13} {
		staySmall(t, months)
	}
}

func staySmall(t *testing.T, months int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	names := manyEvil()
	s := rehome.Shape{Rest: rehome.MonthsOfMany{Identities: 1 << 40}, Undated: 7}
	for n := range rehome.ShapeAuthors {
		name := names[n%len(names)]
		a := rehome.AuthorMonths{Identity: rehome.Identity{Name: name, Mail: fmt.Sprint(n, name)}}
		a.Becomes = rehome.Identity{Name: names[n%9], Mail: fmt.Sprint(names[n%9])}
		for month := range months {
			a.Months = append(a.Months, rehome.MonthCommits{Month: int32(600 - months + month), Commits: r.Int64N(1 << 40)})
		}
		s.Authors = append(s.Authors, a)
		s.Folders = append(s.Folders, rehome.FolderBytes{Path: names[n%len(names)] + "/" + fmt.Sprint(n%77) + "/" + names[(n/3)%len(names)], Bytes: 1 + r.Int64N(1<<40), Files: r.Int64N(1 << 40)})
	}
	h, ok := picture.HistoryOf(s, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	if !ok {
		t.Fatal("nothing to draw")
	}
	found := drawnBy(t, "authors", "commits over time", &commitPictures{Charts: chartsOf(h, "After"), LeftOut: leftOut(h)})
	if len(found) != 2 || strings.Count(found[0], `class="area`) < 2*picture.Colours {
		t.Errorf("%d pictures: %.2000s", len(found), found)
	}
	var files []rehome.LargeFile
	for n := range 1000 {
		files = append(files, rehome.LargeFile{Path: []byte(names[n%len(names)] + fmt.Sprint(n%300)), Size: 1 + r.Int64N(1<<40)})
	}
	m, _ := picture.Folders(s.Folders)
	large, _ := picture.LargeFiles(files, 1<<40, 1<<40, m)
	for _, body := range []treemap{folderPicture(m), largePicture(large, 1<<41)} {
		if one := drawnBy(t, "large-files", "treemap", body); len(one) != 1 || strings.Count(one[0], "<rect") < 20 {
			t.Errorf("%d pictures of bytes: %.2000s", len(one), one)
		}
	}
}

// TestColours holds that text in the colour of the page can be read on each colour of a group, light and dark (WCAG 2.2: 4.5).
func TestColours(t *testing.T) {
	css := string(assets()["rehome.css"].plain)
	light, dark, _ := strings.Cut(css[strings.Index(css, ":root { --c0"):], "@media (prefers-color-scheme: dark)")
	for _, c := range []struct{ of, page string }{{light, "#ffffff"}, {dark, "#13161e"}} {
		for n := range picture.Colours + 1 {
			_, colour, found := strings.Cut(c.of, fmt.Sprintf("--c%d: ", n))
			if !found {
				t.Fatalf("no colour %d in %.300s", n, c.of)
			}
			a, b := luminance(t, colour[:7]), luminance(t, c.page)
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("--c%d, %s on %s: contrast %.2f", n, colour[:7], c.page, ratio)
			}
		}
	}
}

// luminance of a colour, as WCAG 2.2 defines it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("%s: %v", colour, err)
	}
	sum := 0.0
	for n, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(rgb[n]) / 255
		if v <= 0.04045 {
			sum += weight * v / 12.92
		} else {
			sum += weight * math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// TestBrief holds that a name takes no more bytes of HTML than it may.
func TestBrief(t *testing.T) {
	for _, name := range manyEvil() {
		got := brief(name, maxLegend)
		var b bytes.Buffer
		if err := pages["authors"].ExecuteTemplate(&b, "legend", []legendLine{{Name: got}}); err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(b.String(), "<bdi>")
		written, _, _ := strings.Cut(after, "</bdi>")
		if len(written) > maxLegend+len("…") {
			t.Errorf("%.40q is written in %d bytes: %s", name, len(written), written)
		}
	}
	if got := brief("Ada Lovelace", maxLegend); got != "Ada Lovelace" {
		t.Errorf("a short name is %q", got)
	}
}

// TestPicturesOfAnImport draws a real import: before there is a shape, then as it is, and then with a map.
func TestPicturesOfAnImport(t *testing.T) {
	var b strings.Builder
	for n, who := range []string{"Ada <ada@old.example> 1400000000", "Ada <ada@old.example> 1410000000", "A. L. <al@old.example> 1430000000", "Lin <lin@old.example> 1440000000", "Clock <c@old.example> 253402300000"} {
		fmt.Fprintf(&b, "commit refs/heads/main\nauthor %s +0000\ncommitter Lin <lin@old.example> 1450000000 +0000\ndata 2\nx\n%s\n", who, testenv.Inline(fmt.Sprintf("folder %d/file.bin", n%2), strings.Repeat("large ", 400+n)))
	}
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", b.String())
	x := newWorld(t)
	o := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "drawn", testenv.ServeGit(t, root, testenv.Options{})+"/old.git", true)
	at := "/octocat/drawn/import"
	if page := o.get(t, at+"/authors").want(t, 200); strings.Contains(page.body, "<svg") || strings.Contains(o.get(t, at+"/large-files").want(t, 200).body, "<svg") {
		t.Errorf("there are pictures of what is not known: %s", page.body)
	}
	x.work(t)

	page := o.get(t, at+"/authors").want(t, 200).body
	if all := figures(t, page); len(all) != 1 || !strings.Contains(page, "Commits that are not drawn: 1 dated in the future.") || !strings.Contains(all[0], "4 commits by month, 2014-05 to 2015-08") {
		t.Errorf("%d pictures before the map: %s", len(all), page)
	}
	bytes := figures(t, o.get(t, at+"/large-files").want(t, 200).body)
	if len(bytes) != 2 || !strings.Contains(bytes[0], "folder 0: ") && !strings.Contains(bytes[0], "folder 0\u2069: ") || !strings.Contains(bytes[1], "folder 0/file.bin") {
		t.Errorf("%d pictures of bytes: %s", len(bytes), bytes)
	}

	one := "Ada L. <ada@new.example> Ada <ada@old.example>\nAda L. <ada@new.example> A. L. <al@old.example>\n"
	preview, kind := inParts(t, map[string]string{"form_key": o.key()}, one)
	tried := o.do(t, "POST", at+"/authors", preview, "Content-Type", kind).want(t, 200).body
	taken, kind := inParts(t, map[string]string{"form_key": o.key(), "take": "1"}, one)
	o.do(t, "POST", at+"/authors", taken, "Content-Type", kind).want(t, 303)
	x.work(t)
	for name, page := range map[string]string{"tried": tried, "taken": o.get(t, at+"/authors").want(t, 200).body} {
		all := figures(t, page)
		if len(all) != 2 {
			t.Fatalf("%s: %d pictures: %s", name, len(all), page)
		}
		before, after := legend(t, all[0]), legend(t, all[1])
		if want := []string{"c0 Ada ada@old.example 2", "c0 part A. L. al@old.example 1", "c1 Lin lin@old.example 1"}; !slices.Equal(before, want) {
			t.Errorf("%s, before the map: %q, want %q", name, before, want)
		}
		if want := []string{"c0 Ada L. ada@new.example · from 2 identities 3", "c1 Lin lin@old.example 1"}; !slices.Equal(after, want) {
			t.Errorf("%s, after it: %q, want %q", name, after, want)
		}
	}
	if err := x.web.Importer.Cancel(t.Context(), r.ID, 0); err != nil {
		t.Fatal(err)
	}
}

// legend is what the lines of a legend say, and their colours.
func legend(t *testing.T, figure string) (lines []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(figure))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "li" {
			continue
		}
		line := ""
		for c := range n.Descendants() {
			if class, ok := strings.CutPrefix(attr(c, "class"), "swatch "); ok {
				line = class
			}
			if c.Type == html.TextNode && strings.TrimSpace(c.Data) != "" {
				line += " " + strings.TrimSpace(c.Data)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// TestFlowOfRefused holds that a destination that refused before anything was fetched leaves the steps before it to come.
func TestFlowOfRefused(t *testing.T) {
	var states []string
	for _, s := range stepsOf(rehome.Import{State: rehome.State{Status: rehome.Failed, FailedStep: rehome.StepPush}}, false) {
		states = append(states, s.State)
	}
	if got := strings.Join(states, " "); got != "done later later failed later" {
		t.Error(got)
	}
}

// TestFlow holds that the flow shows for each status where the import is.
func TestFlow(t *testing.T) {
	for _, c := range []struct {
		state  rehome.State
		states string
		queued bool
	}{
		{rehome.State{Status: rehome.Detecting}, "now later later later later", false},
		{rehome.State{Status: rehome.DetectionNeedsAuth}, "failed later later later later", false},
		{rehome.State{Status: rehome.DetectionFoundNothing}, "failed later later later later", false},
		{rehome.State{Status: rehome.DetectionFoundMultiple}, "waits later later later later", false},
		{rehome.State{Status: rehome.Importing}, "done now later later later", false},
		{rehome.State{Status: rehome.AuthFailed}, "done failed later later later", false},
		{rehome.State{Status: rehome.Mapping}, "done done now later later", false},
		{rehome.State{Status: rehome.WaitingToPush}, "done done done waits later", false},
		{rehome.State{Status: rehome.Pushing}, "done done done now later", false},
		{rehome.State{Status: rehome.Complete}, "done done done done done", false},
		{rehome.State{Status: rehome.Failed, FailedStep: rehome.StepDetection}, "failed later later later later", false},
		{rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw}, "done failed later later later", false},
		{rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRewrite}, "done done failed later later", false},
		{rehome.State{Status: rehome.Failed, FailedStep: rehome.StepPush}, "done done done failed later", false},
		{rehome.State{Status: rehome.Importing}, "done queued later later later", true},
		{rehome.State{Status: rehome.Complete}, "done done done done done", true},
	} {
		i := rehome.Import{State: c.state, Found: rehome.Found{LargeFilesKnown: true}}
		var states []string
		for _, s := range stepsOf(i, c.queued) {
			states = append(states, s.State)
		}
		if got := strings.Join(states, " "); got != c.states {
			t.Errorf("%s %s: %s, want %s", c.state.Status, c.state.FailedStep, got, c.states)
		}
		var b bytes.Buffer
		if err := pages["import"].ExecuteTemplate(&b, "flow", flowOf(i, c.queued)); err != nil {
			t.Fatal(err)
		}
		checkPage(t, string(c.state.Status), b.String())
		for n, word := range strings.Fields(c.states) {
			if said := stepNames[n].name + ": " + stepWords[word]; strings.Count(b.String(), said) != 2 {
				t.Errorf("%s: the picture, or the list below it, does not say %q: %s", c.state.Status, said, b.String())
			}
		}
		if !strings.Contains(b.String(), "again, for what is new") {
			t.Errorf("%s: no way back", c.state.Status)
		}
	}
	closed := rehome.Import{State: rehome.State{Status: rehome.Complete}, Times: rehome.Times{ClosedAt: time.Now()}}
	if flowOf(closed, false).Again != "" {
		t.Error("what is finished begins again")
	}
}
