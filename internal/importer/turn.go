package importer

import (
	"context"
	"time"
)

// Turn is where an import stands among those that want a worker. The zero Turn is of one that wants none.
type Turn struct {
	Position int       // 1 for the next to be taken up, 0 when it does not wait
	Since    time.Time // when it became due; zero when it does not wait
	Why      string    // what else it waits for than its turn; "" for nothing

	Worker    string    // the process that works on it, as people know it; "" for none
	StartedAt time.Time // when that took it up; zero for nobody

	Try, Tries int // of a step that failed and waits to be tried again: which try comes next, and how many there are at most; 0 and 0 otherwise
}

// Turn returns where the repository's import stands among those that want a worker. NotFound without an import.
func (m *Importer) Turn(ctx context.Context, repositoryID int64) (Turn, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return Turn{}, err
	}
	now, err := m.queue(ctx)
	if err != nil {
		return Turn{}, err
	}
	t := Turn{StartedAt: i.HeldAt}
	if i.Attempts > 0 && i.State.Status.Running() && !i.Held() && i.DueAt.After(m.Clock()) {
		t.Try, t.Tries = i.Attempts+1, len(m.Waits.Backoff)+1
	}
	if t.Position = now.by[i.ID]; t.Position > 0 && i.State.Status.Running() && !i.Held() {
		t.Since, t.Why = i.DueAt, m.alsoWaits(&i, now.standing)
	} else {
		t.Position = 0
	}
	t.Worker, err = m.nameOf(ctx, i.Worker)
	return t, err
}

// nameOf is how people know the process of an id, "" for none.
func (m *Importer) nameOf(ctx context.Context, id string) (string, error) {
	switch id {
	case "":
		return "", nil
	case m.Folder.id:
		return m.Folder.Called(), nil
	}
	all, err := m.DB.Processes(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if p.ID == id {
			return p.Name, nil
		}
	}
	return "a worker that is not heard of any more", nil
}
