# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, not run.
# What it guarantees: it never touches a server of the machine's own. With DATABASE_URL, AMQP_URL and
# RABBITMQ_MANAGEMENT_URL set it uses those; else it runs private PostgreSQL and RabbitMQ instances on free ports of
# 127.0.0.1, with their data under target/local/ (PostgreSQL's under /var/tmp when its user cannot
# reach the checkout).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# A server of a test's own has a folder of its own, and its ports side by side (deploy/local/server).
STATE=${ROOMSYNC_STATE:-$ROOT/target/local}
# How far a RabbitMQ node's ports are from each other: its own, management, distribution, epmd.
RABBIT_STEP=${ROOMSYNC_RABBIT_STEP:-10000}
STARTED_AT=$SECONDS

say() { printf '[%3ds] %s\n' "$((SECONDS - STARTED_AT))" "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() { have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
have_docker() { have docker && docker info >/dev/null 2>&1; }

# install PACKAGE...: Debian packages, without starting any service they bring.
install() {
    may_install || return 1
    say "installing $* (Debian packages; no service is started)"
    local log=$STATE/apt.log policy=/usr/sbin/policy-rc.d ours=no status=0
    mkdir -p "$STATE"
    # This file is how Debian is told not to start what it installs.
    if [ ! -e $policy ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod +x $policy
    fi
    {
        as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --no-install-recommends "$@"
    } >"$log" 2>&1 || status=$?
    [ $ours = no ] || as_root rm -f $policy
    [ $status = 0 ] || tail -n 20 "$log" >&2
    return $status
}

need_compiler() {
    have cargo || die "cargo is missing: install Rust (https://rustup.rs) first"
    have cc || install gcc libc6-dev make || die "a C compiler is missing, and apt-get is not usable"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FIRST [OFFSET...]: the first port from FIRST on that is free together with those at its
# offsets.
free_port() {
    local port=$1 offset ok
    shift
    while :; do
        ok=yes
        for offset in 0 "$@"; do port_is_free $((port + offset)) || ok=no; done
        [ $ok = yes ] && break
        port=$((port + 1))
    done
    echo "$port"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || die "$what did not come up in time; see $STATE"
        sleep 0.2
    done
}

# --- PostgreSQL ---------------------------------------------------------------------------------

# The newest installed PostgreSQL, 15 or later (unique indexes with NULLS NOT DISTINCT).
pg_bin() {
    find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1 |
        grep -E '/(1[5-9]|[2-9][0-9])/' || true
}

# initdb refuses root: as root, run as the packaged user.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@"
    else
        "$@"
    fi
}

pg_home() {
    local home=$STATE/postgres
    mkdir -p "$home"
    if [ "$(id -u)" = 0 ] && ! as_postgres test -x "$home"; then
        home=/var/tmp/roomsync-$(printf %s "$ROOT" | cksum | cut -d' ' -f1)
        mkdir -p "$home"
    fi
    [ "$(id -u)" != 0 ] || chown postgres: "$home"
    echo "$home"
}

have_postgres() {
    [ -n "$(pg_bin)" ] || install postgresql || true
    [ -n "$(pg_bin)" ]
}

start_postgres() {
    if have_postgres; then
        run_postgres "$(free_port 54329)"
    else
        start_postgres_in_docker
    fi
}

# run_postgres PORT: with the data of an earlier run, if there is any.
run_postgres() {
    local bin home port=$1
    bin=$(pg_bin)
    home=$(pg_home)
    say "starting PostgreSQL on 127.0.0.1:$port (data: $home)"
    [ -s "$home/data/PG_VERSION" ] ||
        as_postgres "$bin/initdb" -D "$home/data" -U roomsync --auth=trust -E UTF8 \
            --locale=C.UTF-8 --no-sync >/dev/null
    # The data is thrown away: fsync would only make every test slower. It matters when a machine
    # loses power, not when a server or a service is killed, which is what the suites do.
    as_postgres "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 -o "-p $port \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home -c fsync=off \
        -c max_connections=600 -c shared_buffers=256MB" start >/dev/null ||
        { tail -n 20 "$home/log" >&2; die "PostgreSQL did not start"; }
    echo "native $home" >"$STATE/postgres.started"
    DATABASE_URL=postgres://roomsync@127.0.0.1:$port/postgres
}

start_postgres_in_docker() {
    have_docker || die "PostgreSQL 15 or newer is missing: neither apt-get nor Docker is usable here"
    local port name
    port=$(free_port 54329)
    name=roomsync-postgres-$port
    say "starting PostgreSQL in Docker on 127.0.0.1:$port"
    docker run -d --rm --name "$name" -p "127.0.0.1:$port:5432" -e POSTGRES_USER=roomsync \
        -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=postgres postgres:15 \
        -c fsync=off -c max_connections=600 >/dev/null
    wait_for 60 PostgreSQL docker exec "$name" pg_isready -U roomsync
    echo "docker $name" >"$STATE/postgres.started"
    DATABASE_URL=postgres://roomsync@127.0.0.1:$port/postgres
}

stop_postgres() {
    [ -f "$STATE/postgres.started" ] || return 0
    local how what
    read -r how what <"$STATE/postgres.started"
    say "stopping PostgreSQL"
    case $how in
        native) as_postgres "$(pg_bin)/pg_ctl" -D "$what/data" -m fast -w stop >/dev/null || true
            rm -rf "$what" ;;
        docker) docker rm -f "$what" >/dev/null || true ;;
    esac
    rm -f "$STATE/postgres.started"
}

# --- RabbitMQ -----------------------------------------------------------------------------------

# The programs behind Debian's wrappers: the wrappers do `su` and drop the environment.
RABBIT_BIN=/usr/lib/rabbitmq/bin

# A node of its own needs its own name, cookie (HOME), distribution port, epmd and configuration.
rabbit() {
    local home=$STATE/rabbitmq port=$1
    shift
    env HOME="$home/home" RABBITMQ_NODENAME="roomsync$port@localhost" \
        RABBITMQ_DIST_PORT=$((port + 2 * RABBIT_STEP)) \
        ERL_EPMD_PORT=$((port + 3 * RABBIT_STEP)) \
        ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_MNESIA_BASE="$home/mnesia" \
        RABBITMQ_LOG_BASE="$home/log" RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_PID_FILE="$home/pid" "$@"
}

have_rabbitmq() { [ -x $RABBIT_BIN/rabbitmq-server ] || install rabbitmq-server; }

start_rabbitmq() {
    if ! have_rabbitmq; then
        start_rabbitmq_in_docker
        return
    fi
    rm -rf "$STATE/rabbitmq"
    run_rabbitmq "$(free_port 5680 10000 20000 30000)"
}

# run_rabbitmq PORT: with the data of an earlier run, if there is any.
run_rabbitmq() {
    local home=$STATE/rabbitmq port=$1
    local management=$((port + RABBIT_STEP))
    say "starting RabbitMQ on 127.0.0.1:$port, management on $management"
    mkdir -p "$home"/{home,mnesia,log}
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" "management.tcp.ip = 127.0.0.1" \
        "management.tcp.port = $management" "vm_memory_high_watermark.absolute = 1GB" \
        "disk_free_limit.absolute = 200MB" >"$home/rabbitmq.conf"
    echo '[rabbitmq_management].' >"$home/enabled_plugins"
    rabbit "$port" setsid nohup $RABBIT_BIN/rabbitmq-server >"$home/out" 2>&1 </dev/null &
    # Asking the node itself starts an Erlang machine each time, so its ports are looked at first.
    wait_for 90 RabbitMQ rabbitmq_listens "$port"
    wait_for 90 RabbitMQ rabbit "$port" $RABBIT_BIN/rabbitmq-diagnostics -q check_port_connectivity
    echo "native $port" >"$STATE/rabbitmq.started"
    AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f
    RABBITMQ_MANAGEMENT_URL=http://guest:guest@127.0.0.1:$management
}

rabbitmq_listens() { ! port_is_free "$1" && ! port_is_free $(($1 + RABBIT_STEP)); }

start_rabbitmq_in_docker() {
    have_docker || die "RabbitMQ is missing: neither apt-get nor Docker is usable here"
    local port name
    port=$(free_port 5680 10000)
    name=roomsync-rabbitmq-$port
    say "starting RabbitMQ in Docker on 127.0.0.1:$port, management on $((port + 10000))"
    docker run -d --rm --name "$name" -p "127.0.0.1:$port:5672" \
        -p "127.0.0.1:$((port + 10000)):15672" rabbitmq:4-management >/dev/null
    wait_for 120 RabbitMQ docker exec "$name" rabbitmq-diagnostics -q check_port_connectivity
    echo "docker $name" >"$STATE/rabbitmq.started"
    AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f
    RABBITMQ_MANAGEMENT_URL=http://guest:guest@127.0.0.1:$((port + 10000))
}

# signal_rabbitmq TERM|KILL: and waits for its end. The pid file goes before the process does.
signal_rabbitmq() {
    local pid
    pid=$(cat "$STATE/rabbitmq/pid" 2>/dev/null || true)
    [ -n "$pid" ] || return 0
    kill "-$1" "$pid" 2>/dev/null || true
    wait_for 60 "RabbitMQ's end" sh -c "! kill -0 $pid"
    rm -f "$STATE/rabbitmq/pid"
}

stop_rabbitmq() {
    [ -f "$STATE/rabbitmq.started" ] || return 0
    local how what
    read -r how what <"$STATE/rabbitmq.started"
    say "stopping RabbitMQ"
    case $how in
        native)
            signal_rabbitmq TERM
            have epmd && ERL_EPMD_PORT=$((what + 3 * RABBIT_STEP)) epmd -kill >/dev/null 2>&1
            rm -rf "$STATE/rabbitmq" ;;
        docker) docker rm -f "$what" >/dev/null || true ;;
    esac
    rm -f "$STATE/rabbitmq.started"
}

# --- Both ---------------------------------------------------------------------------------------

# What this run started.
STARTED=()

# Starts what is missing; afterwards DATABASE_URL, AMQP_URL and RABBITMQ_MANAGEMENT_URL are exported.
servers_up() {
    mkdir -p "$STATE"
    if [ -f "$STATE/env" ] && [ -z "${DATABASE_URL:-}${AMQP_URL:-}" ]; then
        # shellcheck disable=SC1091 # written by this function
        . "$STATE/env"
        if servers_answer; then
            say "using the servers that deploy/local/up started"
            export DATABASE_URL AMQP_URL RABBITMQ_MANAGEMENT_URL
            return
        fi
        say "the servers of an earlier run are gone; starting new ones"
        unset DATABASE_URL AMQP_URL RABBITMQ_MANAGEMENT_URL
        servers_down
    fi
    [ -n "${DATABASE_URL:-}" ] || { STARTED+=(postgres) && start_postgres; }
    [ -n "${AMQP_URL:-}" ] || { STARTED+=(rabbitmq) && start_rabbitmq; }
    export DATABASE_URL AMQP_URL RABBITMQ_MANAGEMENT_URL
    # Servers that were given are the business of whoever gave them, here and in other runs.
    [ ${#STARTED[@]} -gt 0 ] || return 0
    {
        echo "export DATABASE_URL=$DATABASE_URL"
        echo "export AMQP_URL=$AMQP_URL"
        echo "export RABBITMQ_MANAGEMENT_URL=${RABBITMQ_MANAGEMENT_URL:-}"
    } >"$STATE/env"
}

servers_answer() {
    local db=${DATABASE_URL##*@} mq=${AMQP_URL##*@}
    db=${db%%/*} mq=${mq%%/*}
    ! port_is_free "${db##*:}" && ! port_is_free "${mq##*:}"
}

servers_down() {
    stop_rabbitmq
    stop_postgres
    rm -f "$STATE/env"
}

# For `trap … EXIT`: stops only what this run started.
servers_down_if_ours() {
    local server
    for server in "${STARTED[@]}"; do
        "stop_$server"
        rm -f "$STATE/env"
    done
}
