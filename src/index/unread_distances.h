#pragma once

namespace avq {

// To be called once, when the library is loaded: from then on plans of this backend do not compute
// distances that an index scan has ordered by and that nobody reads.
void skip_unread_distances();

}  // namespace avq
