// SPDX-License-Identifier: Apache-2.0

/// vCPU states and who runs next; decides, never switches.
