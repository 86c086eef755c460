package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rehome"
)

// Import is an import's row: what outsiders see of it and what only its workers need.
type Import struct {
	rehome.Import
	Credentials []byte // sealed; nil for none
	Key         []byte // sealed private key for the source; nil for none
	RawBytes    int64  // of the raw repository on disk
	Timing      Timing // of the steps done last
	Settle      Settle
	Rewritten   int64 // the plan that the rewritten history stands for; 0 before the first rewrite
	Mapped      int64 // identities that became others in it
	Approved    bool  // what is held may be pushed
	Finishing   bool  // after what runs and one more sync it is closed
	Deleted     bool
	StartedBy   int64 // the owner who started it, or started it again; 0 for unknown
	Kept        Kept
	Rewriting   Rewriting // zero where nothing is rewritten
	Queue
}

// Rewriting says how far a rewrite is.
type Rewriting struct {
	Percent int
	Commits int64
	Bytes   int64 // of files that became Git LFS objects
}

// Kept says what is kept of an import in the bucket. Each key is one of package shelf, "" for nothing.
type Kept struct {
	Raw    string    // the raw repository
	Final  string    // what the plan made of it
	Pushed string    // what the destination has
	UsedAt time.Time // when the raw repository was last worked with
	Disk   int64     // bytes that all of it takes
}

// Queue is an import's place among those that want a worker.
type Queue struct {
	Attempts int       // failed tries of the step at hand that will be tried again
	DueAt    time.Time // nobody works on it before
	Place    int       // as it was told last; 0 for none
	LeftBy   []string  // processes that could not do it, and left it to others
	Worker   string    // the process that has it, or had it when it died without a word; "" for none
	HeldAt   time.Time // when that one took it
	user     int64     // whose turn it takes
	lease    Lease
}

// Settle is the time in which changes of the plan still belong together: no rewrite
// begins in it.
type Settle struct{ Since, Until time.Time }

// Timing is how long each step took.
type Timing struct{ Raw, Rewrite, Push time.Duration }

// ErrUnchanged is what a change returns that has nothing to change after all. It ends
// there: nothing is stored and no error comes back.
var ErrUnchanged = errors.New("nothing to change")

const importColumns = `i.id, i.repository_id, i.vcs, i.vcs_given, i.url, i.tfvc_project, i.credentials,
	i.wanted_raw, i.wanted_plan, i.done_raw, i.done_plan,
	i.status, i.failed_step, i.error_code, i.error_message, i.error_hint, i.note,
	i.percent, i.push_percent, i.commits_seen, i.bytes_seen,
	i.commits, i.authors, i.large_known, i.large_files, i.large_size, i.lfs,
	i.raw_bytes, i.raw_ms, i.rewrite_ms, i.push_ms,
	i.rewritten_plan, i.mapped_authors, i.changed_commits, i.changed_tags, i.changed_signatures,
	i.settle_since, i.settle_until, i.hold, i.approved, i.map_trailers, i.map_hashes, i.engine,
	i.lfs_match, i.allow_missing_lfs, i.changed_files, i.changed_bytes,
	i.attempts, i.due_at, i.lease_owner, i.fence,
	i.created_at, i.updated_at, i.completed_at, i.raw_expires, i.deleted_at, i.started_by, i.project_choices,
	i.prune, i.refs, i.exclude_refs, i.default_branch, i.sync_ms, i.verify,
	i.ssh_key, i.ssh_public_key, i.finishing, i.next_sync_at, i.closed_at,
	i.user_id, i.raw_key, i.final_key, i.pushed_key, i.raw_used_at, i.disk_bytes, i.place,
	i.rewrite_percent, i.rewrite_commits, i.rewrite_bytes, i.left_by, i.lease_since,
	` + destinationOrNone

// importTables are an import with its repository's destination, if there is one.
const importTables = " FROM imports i LEFT JOIN destinations d ON d.repository_id = i.repository_id "

func scanImport(r row) (Import, error) {
	var i Import
	i.State.Err = &rehome.Error{}
	var choices, left string
	var heldAt, raw, rewrite, push, since, until, due, created, updated, completed, rawExpires, deleted, sync, nextSync, closed, used int64
	err := r.Scan(append([]any{
		&i.ID, &i.RepositoryID, &i.Source.VCS, &i.Source.VCSGiven, &i.Source.URL, &i.Source.TFVCProject, &i.Credentials,
		&i.Wanted.Raw, &i.Wanted.Plan, &i.Done.Raw, &i.Done.Plan,
		&i.State.Status, &i.State.FailedStep, &i.State.Err.Code, &i.State.Err.Message, &i.State.Err.Hint, &i.State.Note,
		&i.Progress.Percent, &i.Progress.PushPercent, &i.Progress.Commits, &i.Progress.Bytes,
		&i.Found.Commits, &i.Found.Authors, &i.Found.LargeFilesKnown, &i.Found.LargeFiles, &i.Found.LargeFilesSize, &i.LFS,
		&i.RawBytes, &raw, &rewrite, &push,
		&i.Rewritten, &i.Mapped, &i.Changes.Commits, &i.Changes.Tags, &i.Changes.Signatures,
		&since, &until, &i.Options.Hold, &i.Approved, &i.Options.MapTrailers, &i.Options.MapHashes, &i.Options.Engine,
		&i.Options.LargeMatch, &i.Options.AllowMissingLFS, &i.Changes.Files, &i.Changes.FileBytes,
		&i.Attempts, &due, &i.lease.Owner, &i.lease.Fence,
		&created, &updated, &completed, &rawExpires, &deleted, &i.StartedBy, &choices,
		&i.Options.Prune, &i.Options.Refs, &i.Options.ExcludeRefs, &i.Options.DefaultBranch, &sync, &i.Options.Verify,
		&i.Key, &i.Source.SSHPublicKey, &i.Finishing, &nextSync, &closed,
		&i.user, &i.Kept.Raw, &i.Kept.Final, &i.Kept.Pushed, &used, &i.Kept.Disk, &i.Place,
		&i.Rewriting.Percent, &i.Rewriting.Commits, &i.Rewriting.Bytes, &left, &heldAt,
	}, destinationFields(&i.Destination)...)...)
	if err == nil && choices != "" {
		err = json.Unmarshal([]byte(choices), &i.State.Choices)
	}
	if i.State.Err.Code == "" {
		i.State.Err = nil
	}
	i.lease.ImportID = i.ID
	i.Timing = Timing{fromMS(raw), fromMS(rewrite), fromMS(push)}
	i.Settle = Settle{fromMillis(since), fromMillis(until)}
	i.DueAt, i.Deleted = fromMillis(due), deleted != 0
	i.CreatedAt, i.UpdatedAt = fromMillis(created), fromMillis(updated)
	i.CompletedAt, i.RawExpiresAt = fromMillis(completed), fromMillis(rawExpires)
	i.Options.SyncEvery, i.NextSyncAt, i.ClosedAt = fromMS(sync), fromMillis(nextSync), fromMillis(closed)
	i.Kept.UsedAt, i.LeftBy = fromMillis(used), leftBy(left)
	if i.Worker = processOf(i.lease.Owner); i.Worker != "" {
		i.HeldAt = fromMillis(heldAt)
	}
	return i, err
}

func fromMS(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// writeImport stores the columns of i that may change. The lease is not among them.
func (t *Tx) writeImport(ctx context.Context, i *Import) error {
	e := i.State.Err
	if e == nil {
		e = &rehome.Error{}
	}
	if i.StartedBy != 0 {
		i.user = i.StartedBy
	}
	choices, err := encodeChoices(i.State)
	if err != nil {
		return err
	}
	_, err = t.tx.ExecContext(ctx, `UPDATE imports SET
		vcs = $2, vcs_given = $3, tfvc_project = $4, credentials = $5,
		wanted_raw = $6, wanted_plan = $7, done_raw = $8, done_plan = $9,
		status = $10, failed_step = $11, error_code = $12, error_message = $13, error_hint = $14, note = $15,
		percent = $16, push_percent = $17, commits_seen = $18, bytes_seen = $19,
		commits = $20, authors = $21, large_known = $22, large_files = $23, large_size = $24, lfs = $25,
		raw_bytes = $26, raw_ms = $27, rewrite_ms = $28, push_ms = $29,
		attempts = $30, due_at = $31, updated_at = $32, completed_at = $33, raw_expires = $34,
		rewritten_plan = $35, mapped_authors = $36, changed_commits = $37, changed_tags = $38, changed_signatures = $39,
		settle_since = $40, settle_until = $41, hold = $42, approved = $43, map_trailers = $44, map_hashes = $45, engine = $46,
		lfs_match = $47, allow_missing_lfs = $48, changed_files = $49, changed_bytes = $50,
		started_by = $51, project_choices = $52,
		prune = $53, refs = $54, exclude_refs = $55, default_branch = $56, sync_ms = $57, verify = $58,
		ssh_key = $59, ssh_public_key = $60, finishing = $61, next_sync_at = $62, closed_at = $63,
		user_id = $64, raw_key = $65, final_key = $66, pushed_key = $67, raw_used_at = $68, disk_bytes = $69, place = $70,
		rewrite_percent = $71, rewrite_commits = $72, rewrite_bytes = $73, left_by = $74
		WHERE id = $1`,
		i.ID, i.Source.VCS, i.Source.VCSGiven, i.Source.TFVCProject, i.Credentials,
		i.Wanted.Raw, i.Wanted.Plan, i.Done.Raw, i.Done.Plan,
		i.State.Status, i.State.FailedStep, e.Code, e.Message, e.Hint, i.State.Note,
		i.Progress.Percent, i.Progress.PushPercent, i.Progress.Commits, i.Progress.Bytes,
		i.Found.Commits, i.Found.Authors, i.Found.LargeFilesKnown, i.Found.LargeFiles, i.Found.LargeFilesSize, i.LFS,
		i.RawBytes, i.Timing.Raw.Milliseconds(), i.Timing.Rewrite.Milliseconds(), i.Timing.Push.Milliseconds(),
		i.Attempts, millis(i.DueAt), millis(i.UpdatedAt), millis(i.CompletedAt), millis(i.RawExpiresAt),
		i.Rewritten, i.Mapped, i.Changes.Commits, i.Changes.Tags, i.Changes.Signatures,
		millis(i.Settle.Since), millis(i.Settle.Until), i.Options.Hold, i.Approved, i.Options.MapTrailers, i.Options.MapHashes, i.Options.Engine,
		i.Options.LargeMatch, i.Options.AllowMissingLFS, i.Changes.Files, i.Changes.FileBytes,
		i.StartedBy, choices,
		i.Options.Prune, i.Options.Refs, i.Options.ExcludeRefs, i.Options.DefaultBranch, i.Options.SyncEvery.Milliseconds(), i.Options.Verify,
		i.Key, i.Source.SSHPublicKey, i.Finishing, millis(i.NextSyncAt), millis(i.ClosedAt),
		i.user, i.Kept.Raw, i.Kept.Final, i.Kept.Pushed, millis(i.Kept.UsedAt), i.Kept.Disk, i.Place,
		i.Rewriting.Percent, i.Rewriting.Commits, i.Rewriting.Bytes, leftText(i.LeftBy))
	return err
}

func encodeChoices(s rehome.State) (string, error) {
	if len(s.Choices) == 0 {
		return "", nil
	}
	text, err := json.Marshal(s.Choices)
	return string(text), err
}

// CreateImport stores a new import at the status it starts with and returns its row.
// When the repository has an import already, nothing is stored and exists is called
// with that row instead; what it changes is kept, as with ChangeImport.
// rehome.NotFound when there is no such repository.
func (db *DB) CreateImport(ctx context.Context, i Import, exists func(*Tx, *Import) error) (Import, error) {
	if !rehome.Status("").CanBecome(i.State.Status) {
		return Import{}, fmt.Errorf("create import: it cannot start as %q", i.State.Status)
	}
	var made Import
	err := db.inTx(ctx, func(t *Tx) error {
		if err := t.lockRepository(ctx, i.RepositoryID); err != nil {
			return err
		}
		var err error
		made, err = t.importWhere(ctx, "i.repository_id = $1 AND i.deleted_at = 0", i.RepositoryID)
		switch {
		case err == nil:
			return t.changeAsked(ctx, &made, exists)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		made, err = t.insertImport(ctx, i)
		return err
	})
	if err != nil {
		return Import{}, fmt.Errorf("create import: %w", err)
	}
	return made, nil
}

func (t *Tx) insertImport(ctx context.Context, i Import) (Import, error) {
	r, err := t.Repository(ctx, i.RepositoryID)
	if err != nil {
		return Import{}, err
	}
	if i.user = i.StartedBy; i.user == 0 {
		i.user = r.Owner.ID
	}
	if err := t.mayQueue(ctx, &i); err != nil {
		return Import{}, err
	}
	err = t.tx.QueryRowContext(ctx, `INSERT INTO imports
		(repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id`,
		i.RepositoryID, i.Source.VCS, i.Source.VCSGiven, i.Source.URL, i.Source.TFVCProject,
		i.Wanted.Raw, i.Wanted.Plan, i.State.Status, millis(t.Now)).Scan(&i.ID)
	if err != nil {
		return Import{}, err
	}
	i.CreatedAt, i.UpdatedAt, i.DueAt = t.Now, t.Now, t.Now
	i.lease.ImportID = i.ID
	if i.LFS == "" {
		i.LFS = rehome.LFSUndecided
	}
	to, err := t.Destination(ctx, i.RepositoryID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return Import{}, err
	}
	i.Destination = to.Destination
	return i, t.writeImport(ctx, &i)
}

// ImportOf returns the row of the repository's import; rehome.NotFound when it has none.
func (db *DB) ImportOf(ctx context.Context, repositoryID int64) (Import, error) {
	i, err := importWhere(ctx, db.read, "i.repository_id = $1 AND i.deleted_at = 0", repositoryID)
	return i, found(err, "import")
}

// ImportByID returns the row with that id, deleted or not; rehome.NotFound when there is none.
func (db *DB) ImportByID(ctx context.Context, id int64) (Import, error) {
	i, err := importWhere(ctx, db.read, "i.id = $1", id)
	return i, found(err, "import")
}

// Versions returns UpdatedAt of each of the imports that there is, deleted ones left out: it grows with each change of a row.
func (db *DB) Versions(ctx context.Context, ids ...int64) (map[int64]time.Time, error) {
	all := make(map[int64]time.Time, len(ids))
	for some := range slices.Chunk(ids, 1000) {
		args, marks := inList(some)
		_, err := collect(ctx, db.read.direct, func(r row) (struct{}, error) {
			var id, at int64
			err := r.Scan(&id, &at)
			all[id] = fromMillis(at)
			return struct{}{}, err
		}, "SELECT id, updated_at FROM imports WHERE deleted_at = 0 AND id IN ("+marks+")", args...)
		if err != nil {
			return nil, fmt.Errorf("look for changed imports: %w", err)
		}
	}
	return all, nil
}

func importWhere(ctx context.Context, q queryer, where string, args ...any) (Import, error) {
	return scanImport(q.QueryRowContext(ctx, "SELECT "+importColumns+importTables+"WHERE "+where, args...))
}

// ChangeImport changes what is wanted of the repository's import, in one transaction.
// change edits the row in place; the move it makes from status to status has to be one
// of the allowed ones, or nothing is stored. rehome.NotFound when there is no import.
func (db *DB) ChangeImport(ctx context.Context, repositoryID int64, change func(*Tx, *Import) error) (Import, error) {
	var i Import
	err := db.inTx(ctx, func(t *Tx) error {
		var err error
		if i, err = t.importOf(ctx, repositoryID); err != nil {
			return found(err, "import")
		}
		return t.changeAsked(ctx, &i, change)
	})
	return i, err
}

// changeAsked is change for what people ask for: they can have only so many imports wait or run.
func (t *Tx) changeAsked(ctx context.Context, i *Import, change func(*Tx, *Import) error) error {
	rested := !i.State.Status.Running()
	return t.change(ctx, i, func(t *Tx, i *Import) error {
		if err := change(t, i); err != nil {
			return err
		}
		if rested && i.State.Status.Running() {
			return t.mayQueue(ctx, i)
		}
		return nil
	})
}

// change is the one way a status changes: it asks the table of allowed moves.
func (t *Tx) change(ctx context.Context, i *Import, change func(*Tx, *Import) error) error {
	before, version := i.State.Status, i.UpdatedAt
	if err := change(t, i); errors.Is(err, ErrUnchanged) {
		return nil
	} else if err != nil {
		return err
	}
	if after := i.State.Status; after != before && !before.CanBecome(after) {
		return fmt.Errorf("import %d: status %q cannot become %q", i.ID, before, after)
	}
	if i.State.Status.Running() {
		i.RawExpiresAt = time.Time{}
	}
	if i.State.Status != rehome.Mapping {
		i.Rewriting = Rewriting{}
	}
	i.UpdatedAt = t.Now
	if !i.UpdatedAt.After(version) { // each state of a row has its own, whatever the clock does
		i.UpdatedAt = version.Add(time.Millisecond)
	}
	return t.writeImport(ctx, i)
}

// DeleteImport makes the repository's import invisible at once, forgets its credentials and those of the
// repository's destination, and leaves the rest to be cleaned up: the row is due then. It returns the row's id;
// rehome.NotFound when there is no import. before, unless it is nil, is called with the row in the same transaction.
func (db *DB) DeleteImport(ctx context.Context, repositoryID int64, before func(*Tx, Import) error) (id int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if id, err = t.deleteImport(ctx, repositoryID, before); err == nil && id == 0 {
			err = found(sql.ErrNoRows, "import")
		}
		return err
	})
	return id, err
}

// deleteImport is DeleteImport inside a transaction. The id is 0 when there is no import.
func (t *Tx) deleteImport(ctx context.Context, repositoryID int64, before func(*Tx, Import) error) (int64, error) {
	i, err := t.importOf(ctx, repositoryID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if before != nil {
		if err := before(t, i); err != nil {
			return 0, err
		}
	}
	_, err = t.tx.ExecContext(ctx, `UPDATE imports SET deleted_at = $2, updated_at = $2, due_at = 0, credentials = NULL, ssh_key = NULL, ssh_public_key = ''
		WHERE id = $1`, i.ID, millis(t.Now))
	if err == nil {
		err = t.forgetCredentials(ctx, repositoryID)
	}
	return i.ID, err
}
