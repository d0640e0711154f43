using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Builds the path of a file from the names that the kernel has cached, across mounts.</summary>
internal sealed class PathNames
{
    private const int MostSteps = 256, MostCharacters = 4096;

    private readonly LinuxSession _session;
    private readonly FieldSlot _pathMount, _pathEntry, _parent, _name, _root, _mount, _mountPoint, _mountParent;

    public PathNames(LinuxSession session)
    {
        _session = session;
        _pathMount = session.Field("path", "mnt");
        _pathEntry = session.Field("path", "dentry");
        _parent = session.Field("dentry", "d_parent");
        _name = session.Field("dentry", "d_name.name");
        _root = session.Field("vfsmount", "mnt_root");
        _mount = session.Field("mount", "mnt");
        _mountPoint = session.Field("mount", "mnt_mountpoint");
        _mountParent = session.Field("mount", "mnt_parent");
    }

    /// <summary>
    /// The path of a <c>struct path</c>; null where a part of it is not in the dump. Text from the dump.
    /// </summary>
    public string? Of(ulong path)
    {
        ulong entry = _session.Read(path, _pathEntry), mounted = _session.Read(path, _pathMount);
        if (!_parent.IsPresent || !_name.IsPresent || !_mount.IsPresent || !LinuxSession.IsObject(entry)
            || !LinuxSession.IsObject(mounted))
            return null;
        List<string> names = [];
        int length = 0;
        for (int i = 0; i < MostSteps && length < MostCharacters; i++)
        {
            ulong parent = _session.Read(entry, _parent);
            if (entry == _session.Read(mounted, _root) || parent == entry)
            {
                ulong mount = mounted - (ulong)_mount.Offset, above = _session.Read(mount, _mountParent);
                if (above == mount || !LinuxSession.IsObject(above))
                    return Join(names);
                (entry, mounted) = (_session.Read(mount, _mountPoint), above + (ulong)_mount.Offset);
                continue;
            }
            if (_session.ReadText(_session.Read(entry, _name)) is not { Length: > 0 } name)
                return null;
            names.Add(name);
            length += name.Length + 1;
            entry = parent;
        }
        return null;
    }

    private static string Join(List<string> names)
    {
        if (names.Count == 0)
            return "/";
        StringBuilder path = new();
        for (int i = names.Count - 1; i >= 0; i--)
            path.Append('/').Append(names[i]);
        return path.ToString();
    }
}
