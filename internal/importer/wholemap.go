package importer

import (
	"encoding/json"
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/mailmap"
	"rehome/internal/store"
)

// wholeMap is a whole author map, parsed: lines or entries.
type wholeMap struct {
	lines   *mailmap.Map // nil for entries
	text    []byte       // that lines were read from
	entries []AuthorEntry
	places  []int // of entries in the map as it was given, from 1

	byID   map[int64]AuthorEntry
	byBoth map[rehome.Identity]AuthorEntry
	byMail map[string]AuthorEntry
	byName map[string]AuthorEntry
}

// The kinds of map in the store.
const (
	mapOfLines   = "mailmap"
	mapOfEntries = "entries"
)

// parseMap checks a map; the error is a *mailmap.Error with all bad lines.
func parseMap(given AuthorMap) (*wholeMap, error) {
	if given.Text != nil || given.Entries == nil {
		lines, err := mailmap.Parse(given.Text)
		return &wholeMap{lines: lines, text: given.Text}, err
	}
	var faults []mailmap.Fault
	for n, e := range given.Entries {
		if why := e.fault(); why != "" {
			faults = append(faults, mailmap.Fault{Line: n + 1, Text: e.String(), Why: why})
		}
	}
	if len(faults) > 0 {
		return nil, &mailmap.Error{Faults: faults}
	}
	places := make([]int, len(given.Entries))
	for n := range places {
		places[n] = n + 1
	}
	return mapOf(given.Entries, places), nil
}

// fault completes a sentence that begins with the entry, "" for nothing wrong.
func (e AuthorEntry) fault() string {
	if e.ID == 0 && e.RemoteName == nil && e.RemoteID == nil {
		return "names no author: it has neither id nor remote_name nor remote_id"
	}
	if err := mailmap.CheckIdentity(orEmpty(e.Name), orEmpty(e.Email)); err != nil {
		why := strings.TrimSuffix(strings.TrimPrefix(rehome.AsError(err).Message, "The "), ".")
		return "cannot be taken: the " + why
	}
	return ""
}

// String shows whom the entry is for.
func (e AuthorEntry) String() string {
	var parts []string
	if e.ID != 0 {
		parts = append(parts, fmt.Sprintf("id %d", e.ID))
	}
	if e.RemoteName != nil {
		parts = append(parts, *e.RemoteName)
	}
	if e.RemoteID != nil {
		parts = append(parts, "<"+*e.RemoteID+">")
	}
	return rehome.Clean(strings.Join(parts, " "), 200)
}

// mapOf indexes entries. Of two for the same the later one counts.
func mapOf(entries []AuthorEntry, places []int) *wholeMap {
	w := &wholeMap{
		entries: entries, places: places,
		byID: map[int64]AuthorEntry{}, byBoth: map[rehome.Identity]AuthorEntry{},
		byMail: map[string]AuthorEntry{}, byName: map[string]AuthorEntry{},
	}
	for _, e := range entries {
		switch {
		case e.ID != 0:
			w.byID[e.ID] = e
		case e.RemoteName != nil && e.RemoteID != nil:
			w.byBoth[rehome.Identity{Name: *e.RemoteName, Mail: *e.RemoteID}] = e
		case e.RemoteID != nil:
			w.byMail[*e.RemoteID] = e
		default:
			w.byName[*e.RemoteName] = e
		}
	}
	return w
}

// lookup returns what the identity of that id becomes, itself and false when the map says
// nothing of it. An id of 0 is that of no entry. Of entries, an id comes first, then name
// and mail together, the mail, the name; bytes that are not UTF-8 count as JSON shows them.
func (w *wholeMap) lookup(id int64, is rehome.Identity) (rehome.Identity, bool) {
	if w.lines != nil {
		return w.lines.Lookup(is)
	}
	shown := shownIdentity(is)
	e, ok := w.byID[id]
	if !ok {
		e, ok = w.byBoth[shown]
	}
	if !ok {
		e, ok = w.byMail[shown.Mail]
	}
	if !ok {
		e, ok = w.byName[shown.Name]
	}
	if e.Name != nil {
		is.Name = *e.Name
	}
	if e.Email != nil {
		is.Mail = *e.Email
	}
	return is, ok
}

func shownIdentity(i rehome.Identity) rehome.Identity {
	return rehome.Identity{Name: text([]byte(i.Name)), Mail: text([]byte(i.Mail))}
}

// report says what the map, once applied, made of all.
func (w *wholeMap) report(all []rehome.Author) Mapped {
	did := Mapped{Unknown: w.forNobody(all)}
	for _, a := range all {
		if _, ok := a.Mapped(); ok {
			did.Mapped++
		} else {
			did.Unmapped++
		}
	}
	return did
}

// forNobody lists the lines or entries that are for none of the authors.
func (w *wholeMap) forNobody(all []rehome.Author) []UnknownLine {
	if w.lines == nil {
		return w.unknown(all)
	}
	unknown := []UnknownLine{}
	left := w.lines.Unmatched(func(yield func(rehome.Identity) bool) {
		for _, a := range all {
			if !yield(a.Remote()) {
				return
			}
		}
	})
	for _, l := range left {
		unknown = append(unknown, UnknownLine{l.Number, text([]byte(l.Text))})
	}
	return unknown
}

// unknown lists the entries that are for none of the authors, even where another entry
// comes before them.
func (w *wholeMap) unknown(all []rehome.Author) []UnknownLine {
	ids, both := map[int64]bool{}, map[rehome.Identity]bool{}
	names, mails := map[string]bool{}, map[string]bool{}
	for _, a := range all {
		shown := shownIdentity(a.Remote())
		ids[a.ID], both[shown], names[shown.Name], mails[shown.Mail] = true, true, true, true
	}
	left := []UnknownLine{}
	for n, e := range w.entries {
		found := false
		switch {
		case e.ID != 0:
			found = ids[e.ID]
		case e.RemoteName != nil && e.RemoteID != nil:
			found = both[rehome.Identity{Name: *e.RemoteName, Mail: *e.RemoteID}]
		case e.RemoteID != nil:
			found = mails[*e.RemoteID]
		default:
			found = names[*e.RemoteName]
		}
		if !found {
			left = append(left, UnknownLine{w.places[n], e.String()})
		}
	}
	return left
}

// keptEntry is an entry in the store.
type keptEntry struct {
	AuthorEntry
	Place int `json:"place"`
}

// stored is the map as it is kept for identities still to come. Entries by id are for none
// of those. Lines are kept as they were given: written anew they could be too long to be read.
func (w *wholeMap) stored() store.AuthorMap {
	if w.lines != nil {
		return store.AuthorMap{Kind: mapOfLines, Body: w.text}
	}
	open := []keptEntry{}
	for n, e := range w.entries {
		if e.ID == 0 {
			open = append(open, keptEntry{e, w.places[n]})
		}
	}
	body, _ := json.Marshal(open) // strings and numbers always encode
	return store.AuthorMap{Kind: mapOfEntries, Body: body}
}

// readMap parses a map that was kept.
func readMap(kept store.AuthorMap) (*wholeMap, error) {
	switch kept.Kind {
	case mapOfLines:
		lines, err := mailmap.Parse(kept.Body)
		if err != nil {
			return nil, fmt.Errorf("read the author map that was kept: %w", err)
		}
		return &wholeMap{lines: lines, text: kept.Body}, nil
	case mapOfEntries:
		var stored []keptEntry
		if err := json.Unmarshal(kept.Body, &stored); err != nil {
			return nil, fmt.Errorf("read the author map that was kept: %w", err)
		}
		entries, places := make([]AuthorEntry, len(stored)), make([]int, len(stored))
		for n, e := range stored {
			entries[n], places[n] = e.AuthorEntry, e.Place
		}
		return mapOf(entries, places), nil
	}
	return nil, fmt.Errorf("the author map that was kept is of the kind %q", kept.Kind)
}
