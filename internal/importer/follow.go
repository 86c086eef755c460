package importer

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"rehome"
	"rehome/internal/store"
)

// lookEvery is how late watchers hear of what other processes do, and of their place in the queue.
const lookEvery = time.Second

// look tells the watchers of this process what others did to the imports that they watch. However many there are, the
// rows are looked at once in lookEvery.
func (m *Importer) look(ctx context.Context) {
	s := &m.watched
	if !s.looking.TryLock() {
		return
	}
	defer s.looking.Unlock()
	if time.Since(s.looked) < m.lookEvery*9/10 {
		return
	}
	defer func() { s.looked = time.Now() }()
	ids := s.ids()
	versions, err := m.DB.Versions(ctx, ids...)
	if err == nil {
		err = m.followAll(ctx, ids, versions)
	}
	if err != nil && ctx.Err() == nil {
		m.Log.Debug("look at watched imports", "err", err)
	}
}

func (m *Importer) followAll(ctx context.Context, ids []int64, versions map[int64]time.Time) error {
	now, err := m.queue(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		version, there := versions[id]
		if !there {
			m.watched.close(id)
			continue
		}
		if err := m.follow(ctx, id, version); err != nil {
			return err
		}
		m.tellPlace(id, now.by[id])
	}
	return nil
}

// tellPlace tells those who watch a waiting import of its place, where that is another.
func (m *Importer) tellPlace(id int64, place int) {
	for _, w := range m.watched.of(id) {
		knows := w.knows()
		switch {
		case knows.place == place:
		case place == 0 || !knows.status.Running():
			w.leaveQueue()
		default:
			w.put(rehome.Event{
				Kind: rehome.EventQueued, At: m.Clock().UTC(), Status: knows.status, QueuedEvent: &rehome.QueuedEvent{Position: place},
			})
		}
	}
}

// follow tells the watchers of an import what they do not know of its row. What this process does itself they are told
// as it happens.
func (m *Importer) follow(ctx context.Context, id int64, version time.Time) error {
	var behind []*watcher
	for _, w := range m.watched.of(id) {
		if w.knows().version.Before(version) {
			behind = append(behind, w)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	row, err := m.DB.ImportByID(ctx, id)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil // the next look closes it
	}
	if err != nil || m.isAtWork(id) {
		return err
	}
	for _, w := range behind {
		if err := m.catchUp(ctx, w, &row); err != nil {
			return err
		}
	}
	return nil
}

// catchUp tells one watcher, in the order in which it happened.
func (m *Importer) catchUp(ctx context.Context, w *watcher, i *store.Import) error {
	knew := w.knows()
	if !knew.begun || !i.UpdatedAt.After(knew.version) {
		return nil
	}
	all, err := m.DB.Authors(ctx, i.ID, knew.author, 0)
	if err != nil {
		return err
	}
	put := func(e rehome.Event) {
		e.At = m.Clock().UTC()
		w.put(e)
	}
	for _, a := range all {
		put(authorEvent(a))
	}
	if i.Done.Raw > knew.raw {
		m.putFound(ctx, i, put)
	}
	if i.State.Status == rehome.Complete && knew.status != rehome.Complete {
		m.putBroughtUp(ctx, i, put)
		w.saw(i)
		put(m.doneEvent(ctx, i))
	}
	w.saw(i)
	if e, ok := progressOf(i, &knew); ok { // it is of the status that w knows now
		put(e)
	}
	w.noteBytes(i.Progress.Bytes)
	return nil
}

// putFound tells what the last raw step brought up.
func (m *Importer) putFound(ctx context.Context, i *store.Import, put func(rehome.Event)) {
	known, err := m.knownFacts(ctx, i.ID)
	if err != nil { // the receipt has them, too
		m.Log.Debug("read warnings of an import", "import", i.ID, "err", err)
	}
	for _, one := range known.Warnings {
		put(warningEvent(one))
	}
}

// putBroughtUp tells what the steps after the raw one did.
func (m *Importer) putBroughtUp(ctx context.Context, i *store.Import, put func(rehome.Event)) {
	known, err := m.knownFacts(ctx, i.ID)
	var receipt struct{ Warnings []rehome.Warning }
	if err == nil {
		var text []byte
		if text, err = m.DB.Receipt(ctx, i.ID); err == nil {
			err = json.Unmarshal(text, &receipt)
		}
	}
	if err != nil {
		m.Log.Debug("read warnings of a receipt", "import", i.ID, "err", err)
	}
	for _, one := range receipt.Warnings {
		if !slices.Contains(known.Warnings, one) {
			e := warningEvent(one)
			e.Step = rehome.StepPush
			put(e)
		}
	}
}

// progressOf is the progress that a row tells of, since what was known; false for none.
func progressOf(i *store.Import, knew *told) (rehome.Event, bool) {
	p, step := i.Progress, i.State.Status.Step()
	switch i.State.Status {
	case rehome.Importing:
	case rehome.Mapping:
		if i.Rewriting == (store.Rewriting{}) {
			return rehome.Event{}, false
		}
		p = rehome.Progress{Percent: i.Rewriting.Percent, Commits: i.Rewriting.Commits, Bytes: i.Rewriting.Bytes}
	case rehome.Pushing:
		p.Percent = p.PushPercent
	default:
		return rehome.Event{}, false
	}
	if p.Percent < 0 && p.Commits < 0 && p.Bytes == 0 {
		return rehome.Event{}, false
	}
	e := &rehome.ProgressEvent{Commits: max(p.Commits, 0), Authors: i.Found.Authors, Bytes: p.Bytes}
	if p.Percent >= 0 {
		e.Percent = &p.Percent
	}
	if took := i.UpdatedAt.Sub(knew.version); took > 0 && knew.status == i.State.Status && i.State.Status != rehome.Mapping {
		e.Rate = int64(float64(max(p.Bytes-knew.bytes, 0)) / took.Seconds())
	}
	return rehome.Event{Kind: rehome.EventProgress, Step: step, Status: i.State.Status, ProgressEvent: e}, true
}

// isAtWork reports whether this process works on the import.
func (m *Importer) isAtWork(id int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.running[id]
	return ok
}
