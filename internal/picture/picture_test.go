package picture

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
)

// today is the month that the tests are in.
var today = time.Date(2024, 6, 15, 0, 0, 0, 0, time.UTC)

// at is a month of a year, as a Shape counts them.
func at(year, month int) int32 { return int32((year-1970)*12 + month - 1) }

func months(pairs ...int64) (all []rehome.MonthCommits) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, rehome.MonthCommits{Month: int32(pairs[i]), Commits: pairs[i+1]})
	}
	return all
}

func by(name string, m ...rehome.MonthCommits) rehome.AuthorMonths {
	who := rehome.Identity{Name: name, Mail: name + "@example.com"}
	return rehome.AuthorMonths{Identity: who, Becomes: who, Months: m}
}

// randomShape is one of any size.
func randomShape(r *rand.Rand) rehome.Shape {
	s := rehome.Shape{Undated: r.Int64N(3)}
	first, span := r.IntN(500)-100, 1+r.IntN(1+r.IntN(3000))
	for n := range r.IntN(60) {
		a := by(fmt.Sprint("person ", n))
		if r.IntN(3) == 0 {
			a.Becomes = rehome.Identity{Name: fmt.Sprint("person ", r.IntN(10)), Mail: "x"}
		}
		for range r.IntN(200) {
			a.Months = append(a.Months, rehome.MonthCommits{Month: int32(first + r.IntN(span)), Commits: 1 + r.Int64N(100)})
		}
		s.Authors = append(s.Authors, a)
	}
	if r.IntN(2) == 0 {
		s.Rest = rehome.MonthsOfMany{Identities: 3, Months: months(int64(first), 5, int64(first+span), 7)}
	}
	return s
}

// TestStacksSumUp holds that each commit is in one column of each stack, or counted as left out, for histories of all sorts.
func TestStacksSumUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	drawn := 0
	for range 300 {
		s := randomShape(r)
		var all int64
		for _, m := range allMonths(s) {
			all += m.Commits
		}
		h, ok := HistoryOf(s, today)
		if h.Commits+h.Early+h.Late != all || h.Undated != s.Undated || ok != (h.Commits > 0) {
			t.Fatalf("%d drawn, %d early, %d late, %d undated, %t of %d and %d", h.Commits, h.Early, h.Late, h.Undated, ok, all, s.Undated)
		}
		if !ok {
			continue
		}
		drawn++
		if h.Columns > MaxColumns || len(h.After) > Colours+1 || len(h.Before) > maxParts*Colours+1 || 50*h.Early > all+50 {
			t.Fatalf("%d columns, %d and %d layers, %d of %d early", h.Columns, len(h.After), len(h.Before), h.Early, all)
		}
		checkStack(t, h, h.Before)
		checkStack(t, h, h.After)
		checkPersons(t, h)
	}
	if drawn < 200 {
		t.Errorf("only %d of 300 were drawn", drawn)
	}
}

func checkStack(t *testing.T, h History, s Stack) {
	t.Helper()
	_, large := h.Table(s, 12)
	for _, all := range []Stack{s, large} {
		var total int64
		for _, l := range all {
			var own int64
			for _, n := range l.Columns {
				own += n
			}
			if own != l.Commits || own == 0 {
				t.Fatalf("a layer has %d commits in its columns, %d of %d", own, l.Commits, h.Commits)
			}
			total += own
		}
		if total != h.Commits {
			t.Fatalf("the layers have %d commits of %d", total, h.Commits)
		}
	}
}

// checkPersons holds that whoever has a colour has as much before the map as after it, in each column.
func checkPersons(t *testing.T, h History) {
	t.Helper()
	sums := map[int]Layer{}
	for _, l := range h.Before {
		who := l.Person
		if one, known := sums[who]; known {
			l = sum([]Layer{one, l})
		}
		sums[who] = l
	}
	for n, l := range h.After {
		if !slices.Equal(sums[l.Person].Columns, l.Columns) || sums[l.Person].Identities != l.Identities {
			t.Fatalf("person %d has %v of %d before and %v of %d after", n, sums[l.Person].Columns, sums[l.Person].Identities, l.Columns, l.Identities)
		}
	}
}

func TestDatesThatAreNot(t *testing.T) {
	work := by("worker", months(int64(at(2012, 3)), 400, int64(at(2020, 1)), 300, int64(at(2024, 6)), 300)...)
	for name, c := range map[string]struct {
		also                  []rehome.MonthCommits
		first, unit           string
		columns               int
		early, late, inPlaces int64
	}{
		"none":                    {nil, "2012 Q1", "quarter", 50, 0, 0, 1000},
		"the zero of clocks":      {months(0, 4), "2012 Q1", "quarter", 50, 4, 0, 1000},
		"many at the zero":        {months(0, 300), "2012 Q1", "quarter", 50, 300, 0, 1000},
		"the year 9999":           {months(int64(at(9999, 12)), 1), "2012 Q1", "quarter", 50, 0, 1, 1000},
		"next month":              {months(int64(at(2024, 7)), 2), "2012 Q1", "quarter", 50, 0, 2, 1000},
		"all at once":             {months(math.MinInt32, 1, 0, 1, int64(at(2038, 1)), 1, math.MaxInt32, 1), "2012 Q1", "quarter", 50, 2, 2, 1000},
		"a quiet beginning":       {months(int64(at(2001, 1)), 2), "2001 Q1", "quarter", 94, 0, 0, 1002},
		"much at the year 1":      {months(int64(at(1, 1)), 500), "0–49", "50 years", 41, 0, 0, 1500},
		"most at the zero itself": {months(0, 3000), "1970", "year", 55, 0, 0, 4000},
	} {
		h, ok := HistoryOf(rehome.Shape{Authors: []rehome.AuthorMonths{work, by("clock", c.also...)}}, today)
		if !ok || h.Name(0) != c.first || h.Unit() != c.unit || h.Columns != c.columns || h.Early != c.early || h.Late != c.late || h.Commits != c.inPlaces {
			t.Errorf("%s: %d columns of a %s from %s, %d drawn, %d early, %d late, want %v", name, h.Columns, h.Unit(), h.Name(0), h.Commits, h.Early, h.Late, c)
		}
	}
	if h, ok := HistoryOf(rehome.Shape{Authors: []rehome.AuthorMonths{by("future", months(int64(at(2030, 1)), 9)...)}, Undated: 4}, today); ok || h.Late != 9 || h.Undated != 4 {
		t.Errorf("of the future alone: %t %+v", ok, h)
	}
	if _, ok := HistoryOf(rehome.Shape{}, today); ok {
		t.Error("of nothing there is a picture")
	}
}

// TestWhoIsMerged holds that the identities of a person lie above each other before the map, with their colour.
func TestWhoIsMerged(t *testing.T) {
	ada := rehome.Identity{Name: "Ada", Mail: "ada@new.example"}
	merged := func(name string, commits int64) rehome.AuthorMonths {
		a := by(name, months(600, commits)...)
		a.Becomes = ada
		return a
	}
	h, ok := HistoryOf(rehome.Shape{Authors: []rehome.AuthorMonths{
		by("Grace", months(600, 70, 601, 5)...), merged("ada", 60), merged("ADA", 20), merged("a", 4), merged("al", 3), by("Lin", months(602, 1)...),
	}, Rest: rehome.MonthsOfMany{Identities: 9, Months: months(600, 11)}}, today)
	var before, after []string
	for _, l := range h.Before {
		before = append(before, fmt.Sprintf("%d %s %d/%d", l.Person, l.Name, l.Commits, l.Identities))
	}
	for _, l := range h.After {
		after = append(after, fmt.Sprintf("%d %s %d/%d", l.Person, l.Name, l.Commits, l.Identities))
	}
	if want := []string{"0 ada 60/1", "0 ADA 20/1", "0  7/2", "1 Grace 75/1", "2 Lin 1/1", "7  11/9"}; !ok || !h.Mapped || !slices.Equal(before, want) {
		t.Errorf("before: %q, want %q", before, want)
	}
	if want := []string{"0 Ada 87/4", "1 Grace 75/1", "2 Lin 1/1", "7  11/9"}; !slices.Equal(after, want) {
		t.Errorf("after: %q, want %q", after, want)
	}
}

func TestBytesThatAreNotUTF8(t *testing.T) {
	a, b := by("\xff", months(600, 2)...), by("\xfe", months(600, 1)...)
	for _, one := range []*rehome.AuthorMonths{&a, &b} {
		one.Becomes = rehome.Identity{Name: "\uFFFD", Mail: "\uFFFD@example.com"} // as the importer says it
	}
	h, ok := HistoryOf(rehome.Shape{Authors: []rehome.AuthorMonths{a, b}}, today)
	if !ok || h.Mapped || len(h.After) != 2 || h.After[0].Name != "\xff" {
		t.Errorf("%t, mapped %t, %v", ok, h.Mapped, h.After)
	}
}

// points are the corners of a path of M, h, v, H, V and z.
func points(t *testing.T, path string) (all [][2]float64) {
	t.Helper()
	var x, y float64
	for rest := path; rest != ""; {
		end := strings.IndexAny(rest[1:], "MhvHVz") + 1
		if end == 0 {
			end = len(rest)
		}
		var a, b float64
		switch word := rest[0]; word {
		case 'M':
			fmt.Sscanf(rest[1:end], "%f %f", &x, &y)
		case 'z':
		default:
			if n, err := fmt.Sscanf(rest[1:end], "%f", &a); n != 1 {
				t.Fatalf("%q: %v", rest[:end], err)
			}
			b = a
			switch word {
			case 'h':
				x += a
			case 'v':
				y += b
			case 'H':
				x = a
			case 'V':
				y = b
			}
		}
		all, rest = append(all, [2]float64{x, y}), rest[end:]
	}
	return all
}

// surface is the area within corners (Gauss's shoelaces).
func surface(corners [][2]float64) float64 {
	sum := 0.0
	for n, p := range corners {
		q := corners[(n+1)%len(corners)]
		sum += p[0]*q[1] - q[0]*p[1]
	}
	return math.Abs(sum) / 2
}

// TestPlots holds that areas lie in the frame, that a layer's is as large as its commits say, and that labels do not touch.
func TestPlots(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		h, ok := HistoryOf(randomShape(r), today)
		if !ok {
			continue
		}
		p := h.Plot(h.Before, h.Before.Highest())
		top := plotTop(t, p)
		below := 0.0
		for i := len(p.Areas) - 1; i >= 0; i-- { // from the lowest
			a := p.Areas[i]
			corners := points(t, a.Path)
			for _, c := range corners {
				if c[0] < p.X || c[0] > p.X+p.W || c[1] < p.Y || c[1] > p.Y+p.H {
					t.Fatalf("%v is out of %v", c, p.Rect)
				}
			}
			own := surface(corners) - below
			below += own
			want := float64(h.Before[a.Layer].Commits) * (p.W / float64(h.Columns)) * (p.H / top)
			if math.Abs(own-want) > p.W+p.H*float64(h.Columns) { // rounding to whole units, of heights and of widths
				t.Fatalf("layer %d has an area of %.0f, want %.0f", a.Layer, own, want)
			}
		}
		end := -1.0
		for _, tick := range p.Along {
			half := widthOf(tick.Label) * FontSize / 2
			if tick.At-half < end || tick.At+half > Width || tick.At < p.X {
				t.Fatalf("the label %s at %f touches another, or reaches out: %v", tick.Label, tick.At, p.Along)
			}
			end = tick.At + half
		}
		if len(p.Along) == 0 {
			t.Fatalf("no year on an axis of %d columns of a %s", h.Columns, h.Unit())
		}
	}
}

// plotTop is how many commits the whole height stands for.
func plotTop(t *testing.T, p Plot) float64 {
	t.Helper()
	var top float64
	last := p.Up[len(p.Up)-1]
	if last.At != p.Y || len(p.Up) > 6 || p.Up[0].At != p.Y+p.H || p.Up[0].Label != "0" {
		t.Fatalf("the axis is %v", p.Up)
	}
	for _, unit := range []string{"T", "G", "M", "k", ""} {
		if number, ok := strings.CutSuffix(last.Label, unit); ok {
			fmt.Sscanf(number, "%f", &top)
			top *= map[string]float64{"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1}[unit]
			break
		}
	}
	return top
}

// TestSquarify holds that weights get areas in proportion, that these fill the frame, and that none overlap.
func TestSquarify(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 600 {
		weights := make([]float64, 1+r.IntN(60))
		total, reach := 0.0, []float64{20, math.Log(1 << 62)}[round%2]
		for n := range weights {
			if weights[n] = math.Floor(math.Exp(r.Float64() * reach)); r.IntN(30) == 0 {
				weights[n] = 0
			}
			total += weights[n]
		}
		slices.SortFunc(weights, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
		in := Rect{r.Float64() * 100, r.Float64() * 100, 10 + r.Float64()*900, 10 + r.Float64()*900}
		checkTiling(t, in, Squarify(weights, in), func(n int) float64 { return in.area() * weights[n] / max(total, 1) })
	}
}

func checkTiling(t *testing.T, in Rect, all []Rect, want func(n int) float64) {
	t.Helper()
	const e = 1e-6
	for n, a := range all {
		if math.Abs(a.area()-want(n)) > e*in.area() || math.IsNaN(a.area()) {
			t.Fatalf("%d is %v, want an area of %f", n, a, want(n))
		}
		if a.W > 0 && (a.X < in.X-e || a.Y < in.Y-e || a.X+a.W > in.X+in.W+e || a.Y+a.H > in.Y+in.H+e) {
			t.Fatalf("%v is out of %v", a, in)
		}
		for _, b := range all[:n] {
			if min(a.X+a.W, b.X+b.W)-max(a.X, b.X) > e && min(a.Y+a.H, b.Y+b.H)-max(a.Y, b.Y) > e {
				t.Fatalf("%v overlaps %v", a, b)
			}
		}
	}
}

// TestSquares are the areas of the paper's example, for a frame of six by four.
func TestSquares(t *testing.T) {
	got := Squarify([]float64{6, 6, 4, 3, 2, 2, 1}, Rect{0, 0, 6, 4})
	want := []Rect{{0, 0, 3, 2}, {0, 2, 3, 2}, {3, 0, 12. / 7, 7. / 3}, {3 + 12./7, 0, 9. / 7, 7. / 3}, {3, 7. / 3, 1.2, 5. / 3}, {4.2, 7. / 3, 1.2, 5. / 3}, {5.4, 7. / 3, .6, 5. / 3}}
	for n := range want {
		if g, w := got[n], want[n]; math.Abs(g.X-w.X)+math.Abs(g.Y-w.Y)+math.Abs(g.W-w.W)+math.Abs(g.H-w.H) > 1e-9 {
			t.Errorf("area %d is %v, want %v", n, g, w)
		}
	}
}

func TestFolders(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var all []rehome.FolderBytes
		var bytes, files int64
		for n := range r.IntN(500) {
			f := rehome.FolderBytes{Path: fmt.Sprintf("top%d/%s%d", r.IntN(12), strings.Repeat("深い/", r.IntN(4)), n), Bytes: int64(math.Exp(r.Float64() * 25)), Files: 3}
			all, bytes, files = append(all, f), bytes+f.Bytes, files+3
		}
		m, ok := Folders(all)
		if ok != (len(all) > 0) || m.Bytes != bytes {
			t.Fatalf("%t, %d bytes of %d", ok, m.Bytes, bytes)
		}
		tiles, seen := []Tile{}, int64(0)
		m.Write(func(_ Group, t Tile) string { return t.Path })
		for n, g := range m.Groups {
			if g.Colour < 0 || g.Colour > Colours || n > 0 && g.Bytes > m.Groups[n-1].Bytes || len(m.Groups) > maxGroups+1 {
				t.Fatalf("group %d: %v", n, g)
			}
			for _, one := range g.Tiles {
				tiles, seen = append(tiles, one), seen+one.Files
				if !one.Rest && one.Path != g.Name && !strings.HasPrefix(one.Path, g.Name+"/") {
					t.Fatalf("%s is in the group %s", one.Path, g.Name)
				}
				if widthOf(one.Label)*FontSize > one.W || widthOf(one.Wide)*WideSize > one.W {
					t.Fatalf("%s does not fit %v", one.Label, one.Rect)
				}
			}
		}
		if seen != files || len(tiles) > maxTiles+maxGroups+1 {
			t.Fatalf("%d versions of %d in %d areas", seen, files, len(tiles))
		}
		exact, snapped := make([]Rect, len(tiles)), make([]Rect, len(tiles))
		for n, one := range tiles {
			exact[n], snapped[n] = one.Rect, one.Snap()
		}
		frame := Rect{0, 0, Width, MapHeight}
		checkTiling(t, frame, exact, func(n int) float64 { return frame.area() * float64(tiles[n].Bytes) / float64(bytes) })
		checkTiling(t, frame, snapped, func(n int) float64 { return snapped[n].area() })
	}
}

func TestLargeFilesSumUp(t *testing.T) {
	var all []rehome.LargeFile
	for n := range 300 {
		all = append(all, rehome.LargeFile{Path: fmt.Appendf(nil, "%s%d.bin", []string{"", "b/", "a/x/"}[n%3], n%60), Size: int64(1000 - n)})
	}
	folders, _ := Folders([]rehome.FolderBytes{{Path: "z", Bytes: 3}, {Path: "a/x", Bytes: 2}, {Path: "b", Bytes: 1}})
	m, ok := LargeFiles(all, 40, 20_000, folders)
	if !ok || len(m.Groups) != 4 || !slices.ContainsFunc(m.Groups, func(g Group) bool { return g.Rest && g.Bytes == 20_000 }) || m.Bytes != 300*1000-299*150+20_000 {
		t.Fatalf("%t, %d groups, %d bytes", ok, len(m.Groups), m.Bytes)
	}
	tiles, rest := 0, int64(0)
	for _, g := range m.Groups {
		first := g.Tiles[0]
		if want := map[string]int{"a": 1, "b": 2, "": Colours}[g.Name]; g.Colour != want {
			t.Errorf("%q has the colour %d, want %d", g.Name, g.Colour, want)
		}
		if !first.Rest && first.Files != 5 {
			t.Errorf("%q: %+v", g.Name, first)
		}
		for _, one := range g.Tiles {
			if tiles++; one.Rest {
				rest += one.Files
			}
		}
	}
	if tiles != maxTiles+4 || rest != 40+5*(60-maxTiles) {
		t.Errorf("%d areas, %d files in rests", tiles, rest)
	}
	if m, ok := LargeFiles(all[:1], 0, 0, Map{}); !ok || m.Groups[0].Colour != 0 || len(m.Groups) != 1 {
		t.Errorf("of one file: %t %+v", ok, m)
	}
	if _, ok := LargeFiles(nil, 0, 0, Map{}); ok {
		t.Error("of nothing there is a picture")
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text string
		room float64
		want string
	}{
		{"Ada", 100, "Ada"}, {"Ada Lovelace", 55, "Ada Lov…"}, {"Ada Lovelace", 10, ""}, {"wwwwwwww", 65, "wwwww…"}, {"wwwwwwww", 45, ""}, {"", 0, ""}, {"漢字漢字漢字漢字", 75, "漢字漢字漢…"},
	} {
		if got := Fit(c.text, c.room, 10); got != c.want {
			t.Errorf("%q in %f: %q, want %q", c.text, c.room, got, c.want)
		}
	}
	for _, c := range []struct {
		path string
		room float64
		want string
	}{
		{"src/lib/zlib", 100, "src/lib/zlib"}, {"src/lib/zlib", 50, "…/zlib"}, {"src/lib/zlib", 22, "zlib"}, {"src/lib/zlib", 12, ""}, {"src/lib/libraries", 40, "librar…"},
	} {
		if got := FitPath(c.path, c.room, 10); got != c.want {
			t.Errorf("%q in %f: %q, want %q", c.path, c.room, got, c.want)
		}
	}
}
