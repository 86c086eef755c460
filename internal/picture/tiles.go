package picture

import (
	"cmp"
	"slices"
	"strings"

	"rehome"
)

// MapHeight is how high the frame of a Map is.
const MapHeight = 560

// maxTiles is how many areas a Map has, but for one of all the rest: more could not be told apart.
const maxTiles = 40

// Map is a treemap.
type Map struct {
	Groups []Group // who has most first; the areas of a group lie in its own
	Bytes  int64
}

// Group is what lies in one folder at the top.
type Group struct {
	Rect
	Name   string // of the folder; "" for files in none
	Colour int    // 0 to Colours
	Bytes  int64
	Tiles  []Tile // one of the Rest is alone
}

// Tile is one area.
type Tile struct {
	Rect
	Path  string // exactly as in Git; "" for files in no folder, and for the Rest
	Bytes int64
	Files int64 // versions of files
	Rest  bool  // it is everything small together: so many Parts
	Parts int
	Label string
	Size  bool // there is room for its bytes below the label
}

// pad is how far letters are from the side of their area, and lineHeight how far lines are from one another.
const (
	pad        = 10
	lineHeight = FontSize * 1.25
)

// Folders lays out where the bytes of a repository are. It is false where there are none.
func Folders(all []rehome.FolderBytes) (Map, bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(f rehome.FolderBytes) bool { return f.Bytes <= 0 })
	slices.SortStableFunc(all, func(a, b rehome.FolderBytes) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path))
	})
	var m Map
	at := map[string]int{}
	rest := Tile{Rest: true}
	for n, f := range all {
		if n >= maxTiles {
			rest.Bytes, rest.Files, rest.Parts = rest.Bytes+f.Bytes, rest.Files+f.Files, rest.Parts+1
			continue
		}
		top, _, _ := strings.Cut(f.Path, "/")
		if _, known := at[top]; !known {
			at[top] = len(m.Groups)
			m.Groups = append(m.Groups, Group{Name: top})
		}
		g := &m.Groups[at[top]]
		g.Tiles = append(g.Tiles, Tile{Path: f.Path, Bytes: f.Bytes, Files: f.Files, Parts: 1})
	}
	return m.finish(rest)
}

// LargeFiles lays out large files, largest first, and how much others have that are not among them. It is false where there are none.
func LargeFiles(all []rehome.LargeFile, others, bytes int64) (Map, bool) {
	g := Group{}
	for n, f := range all {
		if n >= maxTiles {
			others, bytes = others+1, bytes+f.Size
			continue
		}
		if f.Size > 0 {
			g.Tiles = append(g.Tiles, Tile{Path: string(f.Path), Bytes: f.Size, Files: 1, Parts: 1})
		}
	}
	slices.SortStableFunc(g.Tiles, func(a, b Tile) int { return cmp.Compare(b.Bytes, a.Bytes) })
	m := Map{}
	if len(g.Tiles) > 0 {
		m.Groups = []Group{g}
	}
	return m.finish(Tile{Rest: true, Bytes: bytes, Files: others, Parts: int(others)})
}

// finish adds the rest and places everything.
func (m Map) finish(rest Tile) (Map, bool) {
	if rest.Parts > 0 && rest.Bytes > 0 {
		m.Groups = append(m.Groups, Group{Tiles: []Tile{rest}})
	}
	for n := range m.Groups {
		for _, t := range m.Groups[n].Tiles {
			m.Groups[n].Bytes += t.Bytes
		}
		m.Bytes += m.Groups[n].Bytes
	}
	slices.SortStableFunc(m.Groups, func(a, b Group) int { return cmp.Compare(b.Bytes, a.Bytes) })
	areas, colour := Squarify(weights(m.Groups, func(g Group) int64 { return g.Bytes }), Rect{0, 0, Width, MapHeight}), 0
	for n := range m.Groups {
		g := &m.Groups[n]
		g.Rect = areas[n]
		if g.Colour = Colours; !g.Tiles[0].Rest && colour < Colours {
			g.Colour = colour
			colour++
		}
		inner := Squarify(weights(g.Tiles, func(t Tile) int64 { return t.Bytes }), g.Rect)
		for i := range g.Tiles {
			g.Tiles[i].Rect = inner[i]
		}
	}
	return m, len(m.Groups) > 0
}

func weights[T any](of []T, bytes func(T) int64) []float64 {
	all := make([]float64, len(of))
	for n, one := range of {
		all[n] = float64(bytes(one))
	}
	return all
}

// Write has each area labelled with its name where that fits: what is shown of a path, or of the rest.
func (m Map) Write(shown func(Tile) string) {
	for _, g := range m.Groups {
		for n := range g.Tiles {
			t := &g.Tiles[n]
			if t.H < lineHeight+pad {
				continue
			}
			t.Label = FitPath(shown(*t), t.W-2*pad, FontSize)
			t.Size = t.Label != "" && t.H >= 2*lineHeight+pad && t.W >= widthOf("999.9 MB")*FontSize+2*pad
		}
	}
}
