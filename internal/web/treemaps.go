package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/picture"
)

// treemap is a picture of where bytes are, as a page shows it.
type treemap struct {
	ID, Title, Desc string
	Caption         string // what is counted
	Height          int
	Tiles           []tile
	Frames          []picture.Rect // around groups
	Legend          []legendLine
	Table           *pictureTable
}

// tile is one area of it.
type tile struct {
	picture.Rect
	Class, Title, Label, Wide, Size string
}

// Rows below treemaps.
const (
	maxLines = 8
	maxRows  = 12
)

// maxLargest is how many large files a picture is made of: each is a version of a file, and many are of one.
const maxLargest = 10_000

// bytePictures draw where bytes are: by folder, where that is known, and in which large files, of which there are so many with so many bytes.
func (w *Web) bytePictures(v *visit, largest []rehome.LargeFile, total, bytes int64) []treemap {
	var all []treemap
	s, _ := w.shape(v)
	folders, ok := picture.Folders(s.Folders)
	if ok {
		all = append(all, folderPicture(folders))
	}
	for _, f := range largest {
		bytes -= f.Size
	}
	if files, ok := picture.LargeFiles(largest, total-int64(len(largest)), bytes, folders); ok {
		all = append(all, largePicture(files, total))
	}
	return all
}

// folderPicture shows where the bytes of a repository are, by folder.
func folderPicture(m picture.Map) treemap {
	t := treemapOf(m, "folders", "Folders: "+byteCount(m.Bytes)+" as stored, compressed", func(g picture.Group, p picture.Tile) string {
		switch {
		case p.Rest:
			return counted(int64(p.Paths), "smaller folder", "smaller folders") + inGroup(g)
		case p.Path == "":
			return nowhere
		}
		return p.Path
	})
	t.Caption = "Counted is what all versions of all files take in the repository: compressed, and of most versions only what changed. Folders inside others that have areas of their own are counted there alone."
	return t
}

// inGroup says where a rest is, unless it is that of all.
func inGroup(g picture.Group) string {
	switch {
	case g.Rest:
		return ""
	case g.Name == "":
		return " " + nowhere
	}
	return " in " + g.Name
}

// nowhere is what the files are in that are at the top.
const nowhere = "at the top"

// largePicture shows which large files there are.
func largePicture(m picture.Map, total int64) treemap {
	t := treemapOf(m, "largest", "Large files: "+byteCount(m.Bytes)+", not compressed", func(g picture.Group, p picture.Tile) string {
		if p.Rest {
			return counted(p.Files, "smaller one", "smaller ones") + inGroup(g)
		}
		return p.Path
	})
	t.Caption = fmt.Sprintf("%s of large files, each counted at the size it has when it is checked out; those of one path are one area. Compare areas here with one another, not with those of folders.", counted(total, "version", "versions"))
	return t
}

// legendOf is the groups of a map, in words.
func legendOf(m picture.Map, name func(picture.Group, picture.Tile) string) []legendLine {
	var all []legendLine
	for _, g := range m.Groups[:min(len(m.Groups), maxLines)] {
		line := legendLine{Class: fmt.Sprint("c", g.Colour), Name: g.Name, Count: byteCount(g.Bytes), Note: share(g.Bytes, m.Bytes)}
		switch {
		case g.Rest:
			line.Name = name(g, g.Tiles[0])
		case g.Name == "":
			line.Name = nowhere
		}
		line.Name = brief(tail(line.Name), maxLegend)
		all = append(all, line)
	}
	return all
}

// treemapOf puts a map into words; name is what an area is called.
func treemapOf(m picture.Map, id, title string, name func(picture.Group, picture.Tile) string) treemap {
	m.Write(func(g picture.Group, p picture.Tile) string {
		if p.Rest && !g.Rest {
			return brief(fmt.Sprintf("%d%s", p.Paths, inGroup(g)), 4*maxLegend)
		}
		return brief(tail(name(g, p)), 4*maxLegend)
	})
	t := treemap{ID: id, Title: title, Height: picture.MapHeight, Legend: legendOf(m, name), Table: &pictureTable{Head: []string{"Path", "Bytes", "Share", "Versions of files"}}}
	all := []largest{}
	for _, g := range m.Groups {
		for _, p := range g.Tiles {
			one := tile{Rect: p.Snap(), Class: fmt.Sprint("c", g.Colour), Label: p.Label, Wide: p.Wide}
			full := tail(name(g, p))
			all = append(all, largest{p, full})
			one.Title = fmt.Sprintf("%s: %s, %s", isolated(brief(full, maxTitle)), byteCount(p.Bytes), share(p.Bytes, m.Bytes))
			if p.Files > 1 {
				one.Title += ", " + grouped(p.Files) + " versions of files"
			}
			if p.Size {
				one.Size = byteCount(p.Bytes)
			}
			if one.W > 0 && one.H > 0 {
				t.Tiles = append(t.Tiles, one)
			}
		}
		t.Frames = append(t.Frames, g.Snap())
	}
	slices.SortStableFunc(all, func(a, b largest) int { return cmp.Compare(b.Bytes, a.Bytes) })
	var most []string
	for n, p := range all[:min(len(all), maxRows)] {
		t.Table.Rows = append(t.Table.Rows, []string{brief(p.name, maxTitle), byteCount(p.Bytes), share(p.Bytes, m.Bytes), grouped(p.Files)})
		if n < 3 {
			most = append(most, fmt.Sprintf("%s (%s)", isolated(brief(p.name, maxLegend)), byteCount(p.Bytes)))
		}
	}
	t.Desc = fmt.Sprintf("%s in %s. The largest are %s.", byteCount(m.Bytes), counted(int64(len(all)), "area", "areas"), strings.Join(most, ", "))
	return t
}

// largest is an area that may be among the largest, and what it is called.
type largest struct {
	picture.Tile
	name string
}
