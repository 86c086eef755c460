package store

import "context"

// ReceiptID names one receipt of an import, which may have others later. It is comparable.
type ReceiptID struct{ importID, completed, raw, plan int64 }

// receiptNamed are the conditions that a receipt is the one of a ReceiptID, whose fields are the parameters $1 to $4.
const receiptNamed = " FROM receipts r JOIN imports i ON i.id = r.import_id WHERE r.import_id = $1 AND i.completed_at = $2 AND i.done_raw = $3 AND i.done_plan = $4"

// ReceiptID returns the id of the receipt that a repository's import has now; rehome.NotFound before the import completed.
func (db *DB) ReceiptID(ctx context.Context, repositoryID int64) (id ReceiptID, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT i.id, i.completed_at, i.done_raw, i.done_plan FROM imports i JOIN receipts r ON r.import_id = i.id
		WHERE i.repository_id = $1 AND i.deleted_at = 0`, repositoryID).Scan(&id.importID, &id.completed, &id.raw, &id.plan)
	return id, found(err, "receipt")
}

// ReceiptText returns the bytes of a receipt; rehome.NotFound where the import has another one by now.
func (db *DB) ReceiptText(ctx context.Context, id ReceiptID) (text []byte, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT r.body"+receiptNamed, id.importID, id.completed, id.raw, id.plan).Scan(&text)
	return text, found(err, "receipt")
}

// ReceiptPart returns n bytes of a receipt from an offset on, as ReceiptText does.
func (db *DB) ReceiptPart(ctx context.Context, id ReceiptID, from, n int64) (text []byte, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT substr(r.body, $5, $6)"+receiptNamed, id.importID, id.completed, id.raw, id.plan, from+1, n).Scan(&text)
	return text, found(err, "receipt")
}
