package survey

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rehome"
)

// ShapeBounds bound a rehome.Shape: how much of it is not summed up.
type ShapeBounds struct {
	Authors int
	People  int // bytes that the authors take, with their months, as written down
	Folders int
	Paths   int // bytes of the paths of folders
}

// Kept bounds the shape that a survey makes. It has more than pictures need, so that what comes later can be added to it: Linux
// has 30,000 authors.
var Kept = ShapeBounds{Authors: 1 << 15, People: 8 << 20, Folders: 4 * rehome.ShapeFolders, Paths: 2 << 20}

// Shown bounds a shape that is handed out, with all that it says, to less than a MiB: everybody else takes half of that at most.
var Shown = ShapeBounds{Authors: rehome.ShapeAuthors, People: 352 << 10, Folders: rehome.ShapeFolders, Paths: 160 << 10}

// shape returns what the history looks like.
func (s *Survey) shape(ctx context.Context) (*rehome.Shape, error) {
	if !s.o.Shape {
		return nil, nil
	}
	shape := s.months.shape(s.people.list, Kept.Authors)
	var err error
	if shape.Folders, err = s.folders(ctx); err != nil {
		return nil, err
	}
	shape = FitShape(shape, Kept)
	return &shape, nil
}

// JoinShapes adds up what is known of two parts of a history. Whom a part has only among everybody else counts as somebody else there.
func JoinShapes(a, b rehome.Shape) rehome.Shape {
	sum := rehome.Shape{Undated: a.Undated + b.Undated, Rest: rehome.MonthsOfMany{
		Identities: a.Rest.Identities + b.Rest.Identities, Months: joinMonths(a.Rest.Months, b.Rest.Months),
	}}
	people := map[rehome.Identity]int{}
	for _, one := range slices.Concat(a.Authors, b.Authors) {
		if n, ok := people[one.Identity]; ok {
			sum.Authors[n].Months = joinMonths(sum.Authors[n].Months, one.Months)
			continue
		}
		people[one.Identity] = len(sum.Authors)
		sum.Authors = append(sum.Authors, one)
	}
	paths := map[string]int{}
	for _, one := range slices.Concat(a.Folders, b.Folders) {
		if n, ok := paths[one.Path]; ok {
			sum.Folders[n].Bytes += one.Bytes
			sum.Folders[n].Files += one.Files
			continue
		}
		paths[one.Path] = len(sum.Folders)
		sum.Folders = append(sum.Folders, one)
	}
	return sum
}

// joinMonths adds up two lists, both in order.
func joinMonths(a, b []rehome.MonthCommits) []rehome.MonthCommits {
	sum := make([]rehome.MonthCommits, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0].Month, b[0].Month); {
		case c < 0:
			sum, a = append(sum, a[0]), a[1:]
		case c > 0:
			sum, b = append(sum, b[0]), b[1:]
		default:
			sum = append(sum, rehome.MonthCommits{Month: a[0].Month, Commits: a[0].Commits + b[0].Commits})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(sum, a...), b...)
}

// FitShape puts a shape in order and sums up what is small until it is within the bounds.
func FitShape(s rehome.Shape, bounds ShapeBounds) rehome.Shape {
	fitAuthors(&s, bounds)
	s.Folders = fitFolders(s.Folders, bounds)
	return s
}

// fitAuthors leaves those with most commits. One whose name alone takes all the room there is stands among everybody else, too.
func fitAuthors(s *rehome.Shape, bounds ShapeBounds) {
	type counted struct {
		rehome.AuthorMonths
		commits int64
	}
	all := make([]counted, 0, len(s.Authors))
	for _, a := range s.Authors {
		all = append(all, counted{a, commitsIn(a.Months)})
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.commits, a.commits), strings.Compare(a.Name, b.Name), strings.Compare(a.Mail, b.Mail))
	})
	rest := map[int32]int64{}
	s.Authors = nil
	for _, a := range all {
		size := len(a.Name) + len(a.Mail) + 16 + 7*len(a.Months)
		if len(s.Authors) < bounds.Authors && size <= bounds.People {
			bounds.People -= size
			s.Authors = append(s.Authors, a.AuthorMonths)
			continue
		}
		s.Rest.Identities++
		for _, m := range a.Months {
			rest[m.Month] += m.Commits
		}
	}
	s.Rest.Months = joinMonths(s.Rest.Months, listOf(rest))
}

func commitsIn(months []rehome.MonthCommits) (sum int64) {
	for _, m := range months {
		sum += m.Commits
	}
	return sum
}

// fitFolders leaves those that hold most.
func fitFolders(list []rehome.FolderBytes, bounds ShapeBounds) []rehome.FolderBytes {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b rehome.FolderBytes) int { return strings.Compare(a.Path, b.Path) })
	if len(list) > 0 && list[0].Path != "" {
		list = slices.Insert(list, 0, rehome.FolderBytes{})
	}
	all := make([]branch, len(list))
	places := make(map[string]uint32, len(list))
	for n, f := range list {
		places[f.Path] = uint32(n)
		all[n] = branch{parent: parentIn(places, f.Path), length: len(f.Path), bytes: f.Bytes, files: f.Files}
	}
	fold(all, bounds.Folders, bounds.Paths)
	left := list[:0]
	for n, b := range all {
		if b.at == uint32(n) && b.files > 0 {
			left = append(left, rehome.FolderBytes{Path: list[n].Path, Bytes: b.bytes, Files: b.files})
		}
	}
	slices.SortFunc(left, func(a, b rehome.FolderBytes) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path))
	})
	return left
}

// parentIn returns the place of the next folder above the one at path; the top is the first.
func parentIn(places map[string]uint32, path string) uint32 {
	for {
		slash := strings.LastIndexByte(path, '/')
		if slash < 0 {
			return 0
		}
		path = path[:slash]
		if n, ok := places[path]; ok {
			return n
		}
	}
}

// branch is a folder in a list that begins with the top and has each after the one it lies in.
type branch struct {
	parent       uint32
	depth        int
	length       int // of its path, bytes
	bytes, files int64
	at           uint32 // which folder stands for it after fold; its own number, or of one above it
}

// fold counts the folders that hold least for those above them, from below, until no more than most are left, with paths of no more than
// room bytes. Those that hold nothing go always; the top stays.
func fold(all []branch, most, room int) {
	if len(all) == 0 {
		return
	}
	sums := make([]int64, len(all))
	left := func(least int64) bool {
		for n := range all {
			sums[n] = all[n].bytes
		}
		count, length := 1, 0
		for n := len(all) - 1; n > 0; n-- {
			b := &all[n]
			if sums[n] < least {
				sums[b.parent] += sums[n]
				b.at = b.parent
				continue
			}
			b.at = uint32(n)
			count++
			length += b.length
		}
		return count <= most && length <= room
	}
	if low, high := int64(1), total(all)+1; !left(low) {
		for high-low > 1 { // enough at high
			if mid := low + (high-low)/2; left(mid) {
				high = mid
			} else {
				low = mid
			}
		}
		left(high)
	}
	for n := range all[1:] {
		b := &all[n+1]
		b.at = all[b.at].at // above, so it is settled
	}
	for n := len(all) - 1; n > 0; n-- {
		if b := &all[n]; b.at != uint32(n) {
			all[b.at].bytes += b.bytes
			all[b.at].files += b.files
		}
	}
}

func total(all []branch) (bytes int64) {
	for _, b := range all {
		bytes += b.bytes
	}
	return bytes
}
