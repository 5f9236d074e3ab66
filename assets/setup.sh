# Makes sure that there is a Vulkan driver: the one of your GPU if it is installed, else Mesa's software driver.
# To be sourced, so that it can set the environment:   . assets/setup.sh

flatlight_setup() {
    # macOS brings Metal, Windows DX12.
    [ "$(uname -s)" = Linux ] || return 0
    # Mesa's device selection asks for a display where there is none, and prints an error that means nothing.
    [ -n "${XDG_RUNTIME_DIR:-}" ] || export NODEVICE_SELECT=1
    if ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json 2>/dev/null | grep -q . &&
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q 'libvulkan\.so\.1'; then
        return 0
    fi
    echo "no Vulkan driver found: installing Mesa's (software rendering included)" >&2
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    if command -v apt-get >/dev/null; then
        $sudo apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers >/dev/null
    elif command -v dnf >/dev/null; then
        $sudo dnf install -y -q vulkan-loader mesa-vulkan-drivers
    elif command -v pacman >/dev/null; then
        $sudo pacman -S --noconfirm --needed vulkan-icd-loader vulkan-swrast
    else
        echo "install a Vulkan loader and driver with your package manager, then try again" >&2
        return 1
    fi
}

flatlight_setup
