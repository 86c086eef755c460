package web

import (
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/picture"
)

// Most bytes that a name takes on the page, in a picture and beside it: whatever it is, a picture stays below 40 kB.
const (
	maxTitle  = 120
	maxLegend = 72
)

// brief is a name from outside, cut to what takes at most so many bytes in HTML: there & becomes &amp;.
func brief(name string, most int) string {
	name = rehome.Clean(name, most)
	room := most
	for at, r := range name {
		if room -= len(string(r)); strings.ContainsRune(`<>&'"+`, r) {
			room -= 4
		}
		if room < 0 {
			return strings.TrimSuffix(name[:at], "…") + "…"
		}
	}
	return name
}

// isolated is a name that cannot change the direction of the text around it, where there are no elements that see to it.
func isolated(name string) string { return "\u2068" + name + "\u2069" }

// chart is a picture over time as a page shows it.
type chart struct {
	picture.Plot
	ID, Title, Desc string
	Areas           []area
	Legend          []legendLine
	Table           *pictureTable
}

// area is one of a chart, with what it says under a pointer.
type area struct {
	Class, Path, Title string
}

// legendLine says what a colour is.
type legendLine struct {
	Class, Name, Mail, Count string
	Note                     string // what else is to be said of it
}

// pictureTable is what a picture shows, in numbers. The first cell of a row names it.
type pictureTable struct {
	Head, Foot []string
	Rows       [][]string
}

// commitPictures are those of who committed when.
type commitPictures struct {
	Charts  []chart // before the map and after it, or one where the map changes nobody
	Unit    string  // what a column is
	LeftOut string
	At      string // where the page is fetched from, when somebody is mapped
}

// shape of a repository's history; false where it is not known yet, or cannot be had: a page goes without pictures then.
func (w *Web) shape(v *visit) (rehome.Shape, bool) {
	s, err := w.Importer.Shape(v.r.Context(), v.repo.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		w.Log.Warn("page without pictures", "path", rehome.Clean(v.r.URL.Path, 300), "error", err)
	}
	return s, err == nil
}

// commitPictures draws who committed when, nil for a shape that is not known. Changed are authors as a map would make them that is only looked at.
func (w *Web) commitPictures(v *visit, s *rehome.Shape, changed []rehome.Author) *commitPictures {
	if s == nil {
		return nil
	}
	would := map[rehome.Identity]rehome.Identity{}
	for _, a := range changed {
		would[a.Remote()], _ = a.Mapped()
	}
	for n, a := range s.Authors {
		if to, ok := would[a.Identity]; ok {
			s.Authors[n].Becomes = to
		}
	}
	h, ok := picture.HistoryOf(*s, w.Clock())
	p := &commitPictures{Unit: h.Unit(), LeftOut: leftOut(h), At: v.at("authors")}
	if !ok {
		if p.LeftOut == "" {
			return nil
		}
		return p
	}
	after := "After the author map"
	if len(changed) > 0 {
		after = "After this map"
	}
	p.Charts = chartsOf(h, after)
	return p
}

// leftOut says which commits a picture does not show.
func leftOut(h picture.History) string {
	var all []string
	for _, one := range []struct {
		n    int64
		what string
	}{{h.Early, "dated long before all others"}, {h.Late, "dated in the future"}, {h.Undated, "without a date"}} {
		if one.n > 0 {
			all = append(all, grouped(one.n)+" "+one.what)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "Commits that are not drawn: " + strings.Join(all, ", ") + "."
}

// chartsOf draws both stacks with one scale, or one of them where they are the same.
func chartsOf(h picture.History, after string) []chart {
	if !h.Mapped {
		return []chart{chartOf(h, h.After, "all", "By author, as the source has them")}
	}
	before := chartOf(h, h.Before, "before", "Before the author map")
	before.Table = identityTable(h)
	return []chart{before, chartOf(h, h.After, "after", after)}
}

func chartOf(h picture.History, s picture.Stack, id, title string) chart {
	c := chart{Plot: h.Plot(s, h.After.Highest()), ID: id, Title: title, Table: periodTable(h, s)}
	for _, a := range c.Plot.Areas {
		l := s[a.Layer]
		name, _ := layerName(h, l, maxTitle)
		c.Areas = append(c.Areas, area{layerClass(s, a.Layer), a.Path, isolated(name) + ": " + counted(l.Commits, "commit", "commits")})
	}
	for n, l := range s {
		line := legendLine{Class: layerClass(s, n), Count: grouped(l.Commits)}
		line.Name, line.Mail = layerName(h, l, maxLegend)
		if l.Identities > 1 && l.Identity != (rehome.Identity{}) {
			line.Note = "from " + grouped(l.Identities) + " identities"
		}
		c.Legend = append(c.Legend, line)
	}
	c.Desc = fmt.Sprintf("%s by %s, %s to %s, stacked by author. Most are of %s.", counted(h.Commits, "commit", "commits"), h.Unit(), h.Name(0), h.Name(h.Calendar.Columns-1), strings.Join(leading(h, s), ", "))
	return c
}

// leading are those with most commits, in words.
func leading(h picture.History, s picture.Stack) []string {
	var all []string
	for _, l := range s[:min(len(s), 3)] {
		name, _ := layerName(h, l, maxLegend)
		all = append(all, fmt.Sprintf("%s (%s)", isolated(name), grouped(l.Commits)))
	}
	return all
}

// layerName is what a layer is called, and its mail where it is one identity's.
func layerName(h picture.History, l picture.Layer, most int) (name, mail string) {
	switch {
	case l.Person == picture.Colours:
		return counted(l.Identities, "other identity", "other identities"), ""
	case l.Identity == (rehome.Identity{}):
		return fmt.Sprintf("%s of %s", grouped(l.Identities)+" more", brief(h.After[l.Person].Identity.Name, most)), ""
	}
	if name = brief(l.Identity.Name, most); name == "" {
		name = "no name"
	}
	return name, brief(l.Mail, most)
}

// layerClass is the colour of a person; of several layers of one the second and so on are paler.
func layerClass(s picture.Stack, n int) string {
	class := fmt.Sprint("c", s[n].Person)
	if n > 0 && s[n-1].Person == s[n].Person {
		class += " part"
		if n > 1 && s[n-2].Person == s[n].Person {
			class += " more"
		}
	}
	return class
}

// maxPeriods is how many rows a table over time has at most.
const maxPeriods = 24

// periodTable is a stack in numbers, the newest period first. Those of one person are one column.
func periodTable(h picture.History, s picture.Stack) *pictureTable {
	c, large := h.Table(s, maxPeriods)
	t := &pictureTable{Head: []string{"Years"}, Foot: []string{"Together"}}
	if c.Step < 12 {
		t.Head[0] = "Months"
	}
	for _, l := range s {
		name, _ := layerName(h, l, maxLegend)
		t.Head, t.Foot = append(t.Head, name), append(t.Foot, grouped(l.Commits))
	}
	for n := c.Columns - 1; n >= 0; n-- {
		row := []string{c.Name(n)}
		for _, l := range large {
			row = append(row, grouped(l.Columns[n]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// identityTable is who becomes whom.
func identityTable(h picture.History) *pictureTable {
	t := &pictureTable{Head: []string{"As the source has it", "Mail", "Becomes", "Commits"}}
	for _, l := range h.Before {
		name, mail := layerName(h, l, maxLegend)
		to := ""
		if l.Person < picture.Colours {
			after := h.After[l.Person].Identity
			to = brief(after.Name, maxLegend) + " " + brief(after.Mail, maxLegend)
		}
		t.Rows = append(t.Rows, []string{name, mail, to, grouped(l.Commits)})
	}
	return t
}

// tail is the end of a long path, which says more than its beginning.
func tail(path string) string {
	const most = 400
	if len(path) <= most {
		return path
	}
	return "…" + strings.ToValidUTF8(path[len(path)-most:], "")
}

// share is a part of a whole in percent.
func share(part, whole int64) string {
	percent := 100 * float64(part) / float64(max(whole, 1))
	if percent < 0.95 {
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", percent)
}
