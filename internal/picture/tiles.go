package picture

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"rehome"
)

// MapHeight is how high the frame of a Map is.
const MapHeight = 560

// A Map has at most so many groups, and areas in them, besides rests: more could not be told apart.
const (
	maxGroups = 10
	maxTiles  = 32
)

// Map is a treemap.
type Map struct {
	Groups []Group // who has most first; the areas of a group lie in its own
	Bytes  int64
}

// Group is what lies in one folder at the top.
type Group struct {
	Rect
	Name   string // of the folder; "" for what is in none
	Colour int    // 0 to Colours
	Bytes  int64
	Rest   bool   // it is all small folders together
	Tiles  []Tile // who has most first
}

// Tile is one area.
type Tile struct {
	Rect
	Path  string // exactly as in Git; "" for what is in no folder of its own, and for a rest
	Bytes int64
	Files int64  // versions of files
	Rest  bool   // it is everything small in its group together
	Paths int    // how many are in the rest; of large files only those that were given
	Label string // as much of its name as fits
	Wide  string // the same for letters of WideSize
	Size  bool   // there is room for its bytes below the label
}

// pad is how far letters are from the side of their area, and lineHeight how far lines are from one another.
const (
	pad        = 10
	lineHeight = FontSize * 1.25
)

// Folders lays out where the bytes of a repository are. It is false where there are none.
func Folders(all []rehome.FolderBytes) (Map, bool) {
	var tiles []Tile
	for _, f := range all {
		tiles = append(tiles, Tile{Path: f.Path, Bytes: f.Bytes, Files: f.Files})
	}
	return mapOf(tiles, Tile{}, func(path string) string {
		top, _, _ := strings.Cut(path, "/")
		return top
	}, nil)
}

// LargeFiles lays out large files, all versions of one path together, and how much others have that are not among them. Folders that other
// has have the colours they have there. It is false where there are none.
func LargeFiles(all []rehome.LargeFile, others, bytes int64, other Map) (Map, bool) {
	var tiles []Tile
	at := map[string]int{}
	for _, f := range all {
		n, known := at[string(f.Path)]
		if !known {
			n = len(tiles)
			at[string(f.Path)] = n
			tiles = append(tiles, Tile{Path: string(f.Path)})
		}
		tiles[n].Bytes += f.Size
		tiles[n].Files++
	}
	return mapOf(tiles, Tile{Files: others, Bytes: bytes}, func(path string) string {
		if top, _, below := strings.Cut(path, "/"); below {
			return top
		}
		return ""
	}, other.Groups)
}

// mapOf lays out tiles in groups by what is at the top of their paths. Tiles that are too many go into a rest of their group, groups that
// are too many into the rest of all. Those that were before keep their colours.
func mapOf(tiles []Tile, rest Tile, top func(path string) string, before []Group) (Map, bool) {
	tiles = slices.DeleteFunc(tiles, func(t Tile) bool { return t.Bytes <= 0 })
	slices.SortStableFunc(tiles, func(a, b Tile) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path)) })
	bytes := map[string]int64{}
	for _, t := range tiles {
		bytes[top(t.Path)] += t.Bytes
	}
	names := slices.SortedFunc(maps.Keys(bytes), func(a, b string) int { return cmp.Or(cmp.Compare(bytes[b], bytes[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), maxGroups)]
	m, rests := Map{Groups: make([]Group, len(names))}, make([]Tile, len(names))
	placed := 0
	for _, t := range tiles {
		n := slices.Index(names, top(t.Path))
		switch t.Paths = 1; {
		case n < 0:
			rest.sum(t)
		case placed >= maxTiles:
			rests[n].sum(t)
		default:
			m.Groups[n].add(t)
			placed++
		}
	}
	for n, r := range rests {
		if m.Groups[n].Name = names[n]; r.Bytes > 0 {
			r.Rest = true
			m.Groups[n].add(r)
		}
	}
	if rest.Rest = true; rest.Bytes > 0 {
		m.Groups = append(m.Groups, Group{Rest: true})
		m.Groups[len(m.Groups)-1].add(rest)
	}
	slices.SortStableFunc(m.Groups, func(a, b Group) int { return cmp.Compare(b.Bytes, a.Bytes) })
	m.colour(before)
	m.place()
	return m, len(m.Groups) > 0
}

func (t *Tile) sum(other Tile) {
	t.Bytes, t.Files, t.Paths = t.Bytes+other.Bytes, t.Files+other.Files, t.Paths+other.Paths
}

func (g *Group) add(t Tile) {
	n, _ := slices.BinarySearchFunc(g.Tiles, t, func(a, b Tile) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), -1) })
	g.Tiles, g.Bytes = slices.Insert(g.Tiles, n, t), g.Bytes+t.Bytes
}

// colour gives colours of their own to the largest groups, or those that they have elsewhere.
func (m Map) colour(before []Group) {
	next := 0
	for n := range m.Groups {
		g := &m.Groups[n]
		g.Colour = Colours
		switch {
		case g.Rest:
		case len(before) > 0:
			for _, b := range before {
				if b.Name == g.Name && !b.Rest {
					g.Colour = b.Colour
				}
			}
		case next < Colours:
			g.Colour = next
			next++
		}
	}
}

// place finds out where everything lies.
func (m *Map) place() {
	areas := Squarify(weights(m.Groups, func(g Group) int64 { return g.Bytes }), Rect{0, 0, Width, MapHeight})
	for n := range m.Groups {
		g := &m.Groups[n]
		m.Bytes += g.Bytes
		g.Rect = areas[n]
		inner := Squarify(weights(g.Tiles, func(t Tile) int64 { return t.Bytes }), g.Rect)
		for i := range g.Tiles {
			g.Tiles[i].Rect = inner[i]
		}
	}
}

func weights[T any](of []T, bytes func(T) int64) []float64 {
	all := make([]float64, len(of))
	for n, one := range of {
		all[n] = float64(bytes(one))
	}
	return all
}

// Write has each area labelled with as much of its name as fits: what is shown of a path, or of the rest of a group.
func (m Map) Write(shown func(Group, Tile) string) {
	for _, g := range m.Groups {
		for n := range g.Tiles {
			t := &g.Tiles[n]
			if t.H < lineHeight+pad {
				continue
			}
			name := shown(g, *t)
			t.Label, t.Wide = FitPath(name, t.W-2*pad, FontSize), FitPath(name, t.W-2*pad, WideSize)
			t.Size = t.Label != "" && t.H >= 2*lineHeight+pad && t.W >= widthOf("999.9 MB")*FontSize+2*pad
		}
	}
}
