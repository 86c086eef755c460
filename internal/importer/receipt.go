package importer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/store"
)

// Receipt returns the JSON of the move that completed last, as it was written then.
// NotFound when there is no import or it never completed.
func (m *Importer) Receipt(ctx context.Context, repositoryID int64) ([]byte, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return nil, err
	}
	return m.DB.Receipt(ctx, i.ID)
}

// receipt writes down the move of i to repository.
func (m *Importer) receipt(i *store.Import, address string, repository rehome.Repository, p proof) rehome.Receipt {
	r := p.receipt()
	r.Head.Import = repository.FullName()
	r.Head.Version = m.Version
	r.Head.CompletedAt = i.CompletedAt
	r.Head.Source.VCS, r.Head.Source.URL = i.Source.VCS, i.Source.URL
	r.Head.Destination.URL = address
	if r.Head.Destination.DefaultBranch == "" {
		r.Head.Destination.DefaultBranch = repository.DefaultBranch
	}
	r.Head.Engine = i.Options.Engine
	r.Head.Changed, r.Head.TagsChanged = i.Changes.Commits, i.Changes.Tags
	r.Body.SignaturesDropped = i.Changes.Signatures
	r.Body.Authors = rehome.ReceiptAuthors{Identities: p.identities(i.Found), Mapped: i.Mapped}
	r.Body.LargeFiles = p.largeFiles(i.Found)
	r.Body.Timing = rehome.ReceiptTiming{Raw: seconds(i.Timing.Raw), Rewrite: seconds(i.Timing.Rewrite), Push: seconds(i.Timing.Push)}
	return r
}

// largeFiles counts what became of large files, or those there are where nothing did.
func (p *proof) largeFiles(found rehome.Found) rehome.ReceiptLargeFiles {
	r := rehome.ReceiptLargeFiles{Over: p.LargeOver, Choice: p.choice, Objects: found.LargeFiles, Bytes: found.LargeFilesSize}
	if p.choice != rehome.LFSUndecided {
		r.Objects, r.Bytes, r.RemovedPaths = p.made.Files, p.made.Bytes, p.made.paths()
	}
	return r
}

// receipt is the part of a receipt that the repositories alone decide.
func (p *proof) receipt() rehome.Receipt {
	r := rehome.Receipt{
		Head: rehome.ReceiptHead{
			Format: 1, Status: rehome.Complete, Engine: rehome.Engine, Verified: string(cmp.Or(p.depth, rehome.VerifyRefs)),
			StartedAt: p.Started.UTC().Truncate(time.Second), Commits: p.Commits, Carried: p.carried, Objects: p.Objects,
			Source:      rehome.ReceiptSource{ObjectFormat: p.Format}.Named(strings.TrimPrefix(p.Head, "refs/heads/")),
			Destination: rehome.ReceiptDestination{}.Named(strings.TrimPrefix(p.head(), "refs/heads/")),
		},
		Refs: rehome.ReceiptRefs{Skipped: slices.Concat(p.Skipped, p.stays), Replaced: p.pruned.replaced},
		Body: rehome.ReceiptBody{Warnings: slices.Concat(p.Warnings, p.pushed), LargeFiles: rehome.ReceiptLargeFiles{Over: p.LargeOver, Choice: rehome.LFSUndecided}, LFS: p.LFS},
	}
	if note := emptyNote(len(p.final) + len(p.stays)); note != "" {
		r.Body.Warnings = append(r.Body.Warnings, rehome.Warning{Kind: "empty_source", Count: 1, Text: note})
	}
	for _, f := range p.final {
		ref := rehome.ReceiptRef{Name: text([]byte(f.name)), Source: id(f.source), Final: id(f.final), Destination: id(p.back[f.name])}
		if !utf8.ValidString(f.name) {
			ref.NameBytes = []byte(f.name)
		}
		r.Refs.Refs = append(r.Refs.Refs, ref)
	}
	return r
}

func id(o object.ID) rehome.ObjectID { return rehome.ObjectID(o.String()) }

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// EncodeReceipt writes a receipt as JSON, each key there, empty or not. Its last key, sha256, is the SHA-256 of the
// other bytes: of what is left when `, "sha256": "…"` is cut out.
func EncodeReceipt(r rehome.Receipt) ([]byte, error) {
	r.Refs.Refs, r.Refs.Skipped, r.Refs.Replaced = list(r.Refs.Refs), list(r.Refs.Skipped), list(r.Refs.Replaced)
	r.Body.LargeFiles.Removed, r.Body.LFS.Missing = list(r.Body.LargeFiles.Removed), list(r.Body.LFS.Missing)
	r.Body.Warnings = list(r.Body.Warnings)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	all := struct { // one object of all their keys
		rehome.ReceiptHead
		rehome.ReceiptRefs
		rehome.ReceiptBody
	}{r.Head, r.Refs, r.Body}
	if err := e.Encode(all); err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err)
	}
	text := rehome.AppendPrintable(nil, bytes.TrimSuffix(out.Bytes(), []byte("\n")))
	sum := sha256.Sum256(text)
	return fmt.Appendf(text[:len(text)-1:len(text)-1], `, "sha256": "%s"}`, hex.EncodeToString(sum[:])), nil
}

// list makes nil an empty list, so that the key is there.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
