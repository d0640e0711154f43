using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;
using HangAnalysis.Windows.Storage;

namespace HangAnalysis.Commands;

/// <summary><c>!stor</c>: disks, adapters and their queues.</summary>
internal sealed class StorCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "stor",
        "shows disks and adapters with their queues: requests with their age, frozen, locked and full queues",
        "!stor [DEVICE | FILE | IRP] [-v] [/json] [/q]",
        [
            new("v", null, "also disks without requests, and every request and transfer"),
            new("q", null, "the addresses of the disks' devices only"),
            new("json", null, "the same facts as JSON, and nothing else"),
        ],
        [("!stor", "all disks, those with trouble first"),
            ("!stor ffffab06b1b28800", "the devices below a file, a request or a device, and the disk that they lead to")])
    {
        Subject = "disks as storport has them",
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!stor: one device, file or request at a time; see !stor /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        if (!session.Description.HoldsPages)
            throw new CommandDeclinedException("!stor needs the memory of drivers, which small dumps do not hold; a kernel dump has it");
        IReadOnlyList<StorageDeviceFacts> stack = [];
        StorageFacts storage = system.Storage;
        if (arguments.Words.Count == 1)
        {
            ulong address = session.ParseAddress(arguments.Words[0]);
            stack = StorageReader.ReadStack(system, address);
            storage = Select(storage, address, stack);
            if (stack.Count == 0 && storage.Adapters.Count == 0)
                throw new CommandUsageException($"!stor: no device, file object or request is at {address:x16}");
        }
        storage = Sort(storage);
        StorDocument document = new(storage, stack, system, arguments.Has("v"));
        return new CommandOutput(document.Arrange(),
            () => JsonSerializer.Serialize(document.ToJson(), ReportJsonContext.Default.StorageJson),
            [.. storage.Adapters.SelectMany(a => a.Disks).Select(d => d.Device)]);
    }

    /// <summary>What belongs to a stack of devices, or to a disk or adapter by the address of its extension.</summary>
    private static StorageFacts Select(StorageFacts storage, ulong address, IReadOnlyList<StorageDeviceFacts> stack)
    {
        HashSet<ulong> devices = [.. stack.Select(d => d.Address)];
        bool means(DiskFacts disk) => disk.Extension == address || devices.Contains(disk.Device);
        List<DiskAdapterFacts> adapters = [];
        foreach (DiskAdapterFacts adapter in storage.Adapters)
        {
            bool isWhole = adapter.Extension == address || devices.Contains(adapter.Device);
            if (isWhole || adapter.Disks.Any(means))
                adapters.Add(adapter with { Disks = isWhole ? adapter.Disks : [.. adapter.Disks.Where(means)] });
        }
        return storage with
        {
            Adapters = adapters,
            Classes = [.. storage.Classes.Where(c => devices.Contains(c.Device))],
            Devices = [],
            Requests = [.. storage.Requests.Where(r => devices.Contains(r.Device))],
        };
    }

    private static StorageFacts Sort(StorageFacts storage)
    {
        List<DiskAdapterFacts> adapters = [];
        foreach (DiskAdapterFacts adapter in storage.Adapters)
        {
            List<DiskFacts> disks = [.. adapter.Disks];
            disks.Sort(DiskVerdict.Compare);
            adapters.Add(adapter with { Disks = disks });
        }
        adapters.Sort((a, b) => a.Disks.Count == 0 || b.Disks.Count == 0 ? b.Disks.Count.CompareTo(a.Disks.Count)
            : DiskVerdict.Compare(a.Disks[0], b.Disks[0]));
        return storage with { Adapters = adapters };
    }
}
