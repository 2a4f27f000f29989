# From a clean clone: `make demo` shows a connection, `make test` tests the program.

PREFIX ?= /usr/local
# How long each part of `make fuzz` takes.
FUZZ_SECONDS ?= 300
# How many packets the large captures of `make bench` have, and how often each command is timed.
BENCH_PACKETS ?= 2000000
BENCH_ROUNDS ?= 5
# How many connections, and how large a transfer, `make bench-live` watches.
BENCH_CONNECTIONS ?= 60000
BENCH_BYTES ?= 2000000000
PROGRAM := target/release/handshake-watch

# Under sudo the build still belongs to the person who called it: a root-owned target/ would stop their next build.
AS_CALLER := $(if $(SUDO_USER),sudo -u $(SUDO_USER) -H)
# A fresh Rust is often not in PATH yet, and never in sudo's.
CARGO := $(AS_CALLER) sh -c 'PATH="$$PATH:$$HOME/.cargo/bin"; exec cargo "$$@"' cargo

.PHONY: help demo build test bench bench-live fuzz miri audit install record

help:
	@echo 'make demo      build, then show a narrated TCP handshake'
	@echo 'make test      run the tests'
	@echo 'make bench     time it beside libpcap and other tools, on captures that it makes (BENCH_PACKETS=2000000)'
	@echo 'make bench-live  watch the same traffic with it and with tcpdump -w, in a network of their own'
	@echo 'make fuzz      feed it hostile input for a long time (FUZZ_SECONDS=300 for each part)'
	@echo 'make miri      run what only computes under Miri, which sees undefined behaviour'
	@echo 'make audit     look for known vulnerabilities in what it is built from'
	@echo 'make build     build $(PROGRAM)'
	@echo 'make record    record the samples in captures/ anew; needs no root'
	@echo 'make install   copy it to $(PREFIX)/bin, where sudo finds it (PREFIX=... for elsewhere)'
	@echo
	@echo 'Where a C linker or libpcap is missing, each of them says so and installs it first.'

demo: build
	./$(PROGRAM) demo handshake

build:
	@./.ci/setup
	$(CARGO) build --release --locked

test:
	@./.ci/setup
	$(CARGO) test --locked

# Port numbers, sequence numbers and times differ in each recording, and with them what the tests know of them.
record:
	@./.ci/setup
	$(CARGO) run --locked --example record
	@echo
	@echo 'Renew what shows these packets, then look at the differences before you commit them:'
	@echo '  UPDATE_README=1 cargo test --test readme; INSTA_UPDATE=always cargo test --test captures'

# Needs no other tool; those that are installed take part. One stage at a time: `cargo bench`.
bench:
	@./.ci/setup
	$(CARGO) build --release --locked --bins --example bare_loop --example compare
	@$(AS_CALLER) env BENCH_PACKETS=$(BENCH_PACKETS) BENCH_ROUNDS=$(BENCH_ROUNDS) target/release/examples/compare

# Ends by itself, and nothing leaves the network that it makes. tcpdump takes part where it is installed.
bench-live:
	@./.ci/setup
	$(CARGO) build --release --locked --bins --example load --example compare_live
	@BENCH_CONNECTIONS=$(BENCH_CONNECTIONS) BENCH_BYTES=$(BENCH_BYTES) BENCH_ROUNDS=$(BENCH_ROUNDS) target/release/examples/compare_live

# Needs nothing beside the tests' needs for its first part; the second part says what it misses.
fuzz:
	@./.ci/setup
	@$(AS_CALLER) sh -c 'PATH="$$PATH:$$HOME/.cargo/bin"; exec fuzz/run $(FUZZ_SECONDS)'

# Both need tools that a build does not, and say which. The second one asks the network.
miri:
	@$(AS_CALLER) sh -c 'PATH="$$PATH:$$HOME/.cargo/bin"; exec .ci/miri'

audit:
	@$(AS_CALLER) sh -c 'PATH="$$PATH:$$HOME/.cargo/bin"; exec .ci/advisories'

install: build
	@bin="$(DESTDIR)$(PREFIX)/bin"; root=; \
	mkdir -p "$$bin" 2>/dev/null || true; \
	if ! [ -w "$$bin" ]; then root=sudo; fi; \
	set -x; $$root install -d "$$bin" && $$root install -m 755 $(PROGRAM) "$$bin/"
