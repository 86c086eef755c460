package destination

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/git/repo"
)

// split says what goes in several requests.
func (s *session) split(ctx context.Context, now State, todo []repo.Update) ([]step, error) {
	return nil, &rehome.Error{Code: rehome.DestinationRefused, Message: fmt.Sprintf("more than %d bytes", s.p.Limit)}
}
