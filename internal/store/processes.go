package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Process is one of those that work with a database.
type Process struct {
	ID       string            // names its data folder, as the owners of leases begin
	Name     string            // for people
	Role     string            // all, api or worker
	Workers  int               // imports that it works on at once; 0 for none
	Rests    string            // why it takes up none now; "" where it does
	Settings map[string]string // names of flags, with fingerprints of what they are

	StartedAt time.Time // set by the database
}

// forgotten is how long a process is remembered that says nothing any more, in milliseconds.
const forgotten = 24 * 60 * 60 * 1000

// Announce says that a process lives, for ttl by the database's clock.
func (db *DB) Announce(ctx context.Context, p Process, ttl time.Duration) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return fmt.Errorf("announce this process: %w", err)
	}
	err = db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, `INSERT INTO processes (id, name, role, workers, rests, settings, started_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, workers = excluded.workers, rests = excluded.rests, settings = excluded.settings,
				started_at = CASE WHEN processes.expires_at > $7 THEN processes.started_at ELSE excluded.started_at END, expires_at = excluded.expires_at`,
			p.ID, p.Name, p.Role, p.Workers, p.Rests, string(settings), millis(t.Now), millis(t.Now.Add(ttl)))
		if err == nil {
			_, err = t.tx.ExecContext(ctx, "DELETE FROM processes WHERE expires_at < $1", millis(t.Now)-forgotten)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("announce this process: %w", err)
	}
	return nil
}

// Leave says that a process stops.
func (db *DB) Leave(ctx context.Context, id string) error {
	err := db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "UPDATE processes SET expires_at = 0 WHERE id = $1", id)
		return err
	})
	if err != nil {
		return fmt.Errorf("take leave of other processes: %w", err)
	}
	return nil
}

// Processes returns those that live, by name.
func (db *DB) Processes(ctx context.Context) ([]Process, error) {
	all, err := collect(ctx, db.read, func(r row) (p Process, err error) {
		var settings string
		var started int64
		if err := r.Scan(&p.ID, &p.Name, &p.Role, &p.Workers, &p.Rests, &settings, &started); err != nil {
			return p, err
		}
		p.StartedAt = fromMillis(started)
		return p, json.Unmarshal([]byte(settings), &p.Settings)
	}, "SELECT id, name, role, workers, rests, settings, started_at FROM processes WHERE expires_at > "+db.now+" ORDER BY name, id")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return all, nil
}

// processNames returns the names of processes by their ids, of those that died lately, too.
func (db *DB) processNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	_, err := collect(ctx, db.read, func(r row) (none struct{}, err error) {
		var id, name string
		err = r.Scan(&id, &name)
		names[id] = name
		return none, err
	}, "SELECT id, name FROM processes")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return names, nil
}

// PostHeld reports whether somebody ever held a post, as of HoldPost.
func (db *DB) PostHeld(ctx context.Context, post string) (bool, error) {
	held, err := collect(ctx, db.read, scanText, "SELECT token FROM chores WHERE name = $1 AND token <> ''", post)
	if err != nil {
		return false, fmt.Errorf("ask who held the post %q: %w", post, err)
	}
	return len(held) > 0, nil
}

// Standing is what keeps imports waiting.
type Standing struct {
	Known  bool // processes have announced themselves
	Taking int  // imports that those which take up some work on at once
	Most   int  // Limits.Running

	running map[int64]int // by user
}

// Standing returns what keeps imports waiting now.
func (db *DB) Standing(ctx context.Context) (s Standing, err error) {
	s = Standing{Most: db.limits.Running, running: map[int64]int{}}
	var known int
	err = db.read.direct.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(CASE WHEN rests = '' AND expires_at > "+db.now+" THEN workers ELSE 0 END), 0) FROM processes").Scan(&known, &s.Taking)
	if err != nil {
		return s, fmt.Errorf("count workers: %w", err)
	}
	s.Known = known > 0
	if s.Most <= 0 {
		return s, nil
	}
	_, err = collect(ctx, db.read.direct, func(r row) (none struct{}, err error) {
		var user int64
		var n int
		err = r.Scan(&user, &n)
		s.running[user] = n
		return none, err
	}, db.running())
	if err != nil {
		return s, fmt.Errorf("count what runs: %w", err)
	}
	return s, nil
}

// Running returns how many imports of the user whose turn the import takes run.
func (s Standing) Running(i *Import) int { return s.running[i.user] }

// processOf is the id of the process that has a lease, "" for none.
func processOf(owner string) string {
	id, _, _ := strings.Cut(owner, "/")
	return id
}

// leftBy returns the ids of the processes that left an import to others.
func leftBy(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Fields(text)
}

// leftText is what leftBy reads.
func leftText(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " " + strings.Join(ids, " ") + " "
}

// Others reports whether a process lives that works on imports and has not left this one to others.
func (t *Tx) Others(ctx context.Context, i *Import) (bool, error) {
	ids, err := collect(ctx, t.tx, scanText, "SELECT id FROM processes WHERE workers > 0 AND expires_at > $1 ORDER BY id", millis(t.Now))
	if err != nil {
		return false, fmt.Errorf("list processes: %w", err)
	}
	return slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(i.LeftBy, id) }), nil
}

// notLeft says of a row that the process whose id is the parameter has not left it to others, or that no other is there to which
// it could be left.
func (d *dialect) notLeft(parameter string) string {
	const at = "LIKE '%% ' || CAST(%s AS TEXT) || ' %%'"
	return "id NOT IN (SELECT l.id FROM imports l WHERE l.left_by <> '' AND l.left_by " + fmt.Sprintf(at, parameter) +
		" AND EXISTS (SELECT 1 FROM processes p WHERE p.workers > 0 AND p.expires_at > " + d.now + " AND l.left_by NOT " + fmt.Sprintf(at, "p.id") + "))"
}
