using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>Knowledge of processes by their names, which are cut to 15 characters.</summary>
internal static class LinuxProcessKnowledge
{
    /// <summary>Nobody logs on, and nothing is started, when these wait.</summary>
    private static readonly HashSet<string> s_vital =
    [
        "systemd", "init", "sshd", "systemd-logind", "dbus-daemon", "dbus-broker", "login", "agetty", "getty", "gdm", "sssd",
        "kthreadd", "systemd-journal", "systemd-journald", "polkitd",
    ];

    /// <summary>What services and users depend on.</summary>
    private static readonly HashSet<string> s_important =
    [
        "NetworkManager", "systemd-udevd", "rsyslogd", "crond", "cron", "kubelet", "containerd", "dockerd", "libvirtd", "multipathd",
        "iscsid", "rpcbind", "nfsd", "smbd", "postgres", "mysqld", "mariadbd", "java", "httpd", "nginx", "gnome-shell", "Xorg", "bash",
    ];

    /// <summary>How much it matters that a process waits.</summary>
    public static Importance ImportanceOf(string name, int pid) =>
        pid == 1 || s_vital.Contains(name) ? Importance.Vital
        : s_important.Contains(name) || name.StartsWith("jbd2/", StringComparison.Ordinal)
            || name.StartsWith("xfsaild/", StringComparison.Ordinal) ? Importance.Important
        : Importance.Ordinary;
}
