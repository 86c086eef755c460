package webhook

import (
	"math/rand/v2"
	"net/http"
	"time"

	"rehome"
)

// defaultWaits are those after the first attempt, the second and so on; after all others the last one holds.
var defaultWaits = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

const (
	// tryFor is how long after its creation a delivery is tried again.
	tryFor = 72 * time.Hour
	// jitter is the share by which a wait is shorter or longer, so that what failed together does not come back together.
	jitter = 0.1
	never  = time.Duration(-1)
)

// again returns how long from now another attempt follows the last one, never for not at all.
func (h *Hooks) again(d rehome.Delivery) time.Duration {
	if d.Answer.OK() || d.Answer.Code == http.StatusGone || d.Answer.Text == inactive || len(h.Waits) == 0 {
		return never
	}
	wait := h.Waits[min(max(d.Attempts, 1), len(h.Waits))-1]
	wait += time.Duration(float64(wait) * jitter * (2*rand.Float64() - 1))
	if h.Clock().Add(wait).After(d.CreatedAt.Add(tryFor)) {
		return never
	}
	return wait
}
