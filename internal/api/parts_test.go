package api

import (
	"testing"

	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/store"
)

func parts(t *testing.T, dir string, db *store.DB) (*host.Host, *importer.Importer) {
	return &host.Host{}, &importer.Importer{}
}
