// SPDX-License-Identifier: Apache-2.0

/// Fakes and law checkers that the tests of several modules share.
