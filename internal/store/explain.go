package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rehome"
	"rehome/internal/pgline"
)

// checkWhere refuses what would be taken for a path and is a URL of something else. It repeats nothing of it: there may be a password in it.
func checkWhere(where string) error {
	if !strings.Contains(where, "://") || isPostgres(where) {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Message: "The URL of the database does not begin with postgres://.",
		Hint: "Write it as postgres://USER@HOST/NAME.",
	}
}

// explainOpen puts into words why a database could not be reached, with what to do, and without what the URL has of secrets. Other errors
// stay as they are.
func explainOpen(err error, config *pgx.ConnConfig) error {
	var failed *pgconn.ConnectError
	if err == nil || errors.Is(err, context.Canceled) || !errors.As(err, &failed) {
		return err
	}
	message, hint := whyNot(err, config)
	return &rehome.Error{Code: rehome.Unreachable, Message: rehome.Clean(message, 500), Hint: hint, Err: err}
}

// SQLSTATEs of a server that lets somebody not in (PostgreSQL, appendix A).
const (
	wrongPassword  = "28P01"
	notAllowed     = "28000"
	noSuchDatabase = "3D000"
	tooMany        = "53300"
	startingUp     = "57P03"
)

func whyNot(err error, config *pgx.ConnConfig) (message, hint string) {
	at := "Postgres at " + net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	if strings.HasPrefix(config.Host, "/") {
		at = "Postgres at " + config.Host
	}
	switch postgresCode(err) {
	case wrongPassword:
		return fmt.Sprintf("%s does not take the password of the user %q.", at, config.User),
			"Correct it in the database's URL, in PGPASSWORD or in the file PGPASSFILE names."
	case notAllowed:
		return fmt.Sprintf("%s does not let the user %q in from here.", at, config.User),
			"Correct the user, or have the server's pg_hba.conf allow it; with sslmode=require in the URL the connection is encrypted."
	case noSuchDatabase:
		return fmt.Sprintf("%s has no database %q.", at, config.Database), "Make it with createdb, or correct the name at the end of the URL."
	case tooMany:
		return at + " has no connection left.", "Raise its max_connections, or end who has them."
	case startingUp:
		return at + " is starting or stopping.", "Wait a moment, then run the command again."
	}
	return whyNoAnswer(err, at, config)
}

// whyNoAnswer is whyNot where the server did not say why.
func whyNoAnswer(err error, at string, config *pgx.ConnConfig) (message, hint string) {
	const check = "Check that the server runs, and the host and the port in the database's URL."
	var name *net.DNSError
	var server *pgconn.PgError
	var wait net.Error
	switch {
	case errors.As(err, &server):
		return fmt.Sprintf("%s refuses the connection: %s.", at, server.Message), ""
	case errors.As(err, &name):
		return fmt.Sprintf("There is no host %q.", config.Host), "Correct the host in the database's URL."
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return "Nothing listens there: " + at + ".", check
	case isCertificate(err):
		return at + " shows a certificate that is not trusted.", "Name the authority with sslrootcert=FILE in the database's URL, or correct the host."
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return at + " does not encrypt, and the database's URL asks for it.", "Turn TLS on at the server, or give another sslmode."
	case errors.Is(err, pgline.ErrSilent), errors.Is(err, context.DeadlineExceeded), errors.As(err, &wait) && wait.Timeout():
		return at + " does not answer.", check
	}
	return at + " cannot be reached: " + lastOf(err) + ".", check
}

func isCertificate(err error) bool {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		other   *tls.CertificateVerificationError
	)
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &other)
}

// lastOf is the text of the innermost error, the last one where several are joined.
func lastOf(err error) string {
	for {
		switch e := err.(type) { //nolint:errorlint // this is a walk over the chain
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return err.Error()
			}
			err = all[len(all)-1]
		case interface{ Unwrap() error }:
			inner := e.Unwrap()
			if inner == nil {
				return err.Error()
			}
			err = inner
		default:
			return err.Error()
		}
	}
}
