using System.Runtime.InteropServices;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Finds the processes that have a file open, by what the file's driver keeps with it.</summary>
internal sealed class OpenFiles
{
    /// <summary>Descriptors of one process that are looked at; the default limit of most systems is a million or less.</summary>
    private const int MostDescriptors = 1_048_576;

    private readonly LinuxSystem _system;
    private readonly LinuxSession _session;
    private readonly FieldSlot _files, _table, _most, _descriptors, _private;

    public OpenFiles(LinuxSystem system, LinuxSession session)
    {
        (_system, _session) = (system, session);
        _files = session.Field("task_struct", "files");
        _table = session.Field("files_struct", "fdt");
        _most = session.Field("fdtable", "max_fds");
        _descriptors = session.Field("fdtable", "fd");
        _private = session.Field("file", "private_data");
    }

    /// <summary>Appends the processes that have a file open whose private data is one of some addresses.</summary>
    public void FindHolders(HashSet<ulong> wanted, List<ProcessFacts> holders)
    {
        if (wanted.Count == 0 || !_files.IsPresent || !_private.IsPresent)
            return;
        foreach (ProcessFacts process in _system.Processes)
        {
            ulong table = _session.Read(_session.Read(process.Address.Value, _files), _table);
            int count = (int)Math.Min(_session.Read(table, _most), MostDescriptors);
            ulong descriptors = _session.Read(table, _descriptors);
            if (count == 0 || !LinuxSession.IsObject(descriptors) || _session.Cancellation.IsCancellationRequested)
                continue;
            if (Holds(descriptors, count, wanted))
                holders.Add(process);
        }
    }

    private bool Holds(ulong descriptors, int count, HashSet<ulong> wanted)
    {
        const int AtOnce = 64;
        Span<ulong> files = stackalloc ulong[AtOnce];
        for (int at = 0; at < count; at += AtOnce)
        {
            int read = _session.Memory.Read(descriptors + (ulong)at * 8,
                MemoryMarshal.AsBytes(files[..Math.Min(AtOnce, count - at)])) / 8;
            for (int i = 0; i < read; i++)
                if (files[i] != 0 && wanted.Contains(_session.Read(files[i], _private)))
                    return true;
            if (read == 0)
                return false;
        }
        return false;
    }
}
