using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges disks and their queues, for people and for programs.</summary>
internal sealed class StorDocument(
    StorageFacts storage, IReadOnlyList<StorageDeviceFacts> stack, ISystemFacts system, bool isVerbose)
{
    /// <summary>Requests of one disk that are shown unless more are asked for.</summary>
    private const int FewRequests = 4;

    private readonly DiskFacts? _worst = DiskVerdict.Worst(storage);

    /// <summary>The document.</summary>
    public Document Arrange()
    {
        Document document = new();
        DiskFacts? worst = _worst;
        document.Add(new LineBlock([new Span(worst is null ? "DISKS  " : "DISK  ", worst is null ? Tone.Normal : Tone.Bad),
            new Span(Summary(worst), Tone.Strong)], worst is null ? [] : [new Span(VerdictWords.Of(Certainty.Inferred), Tone.Muted)], 0, 6));
        document.Blank();
        if (stack.Count > 0)
        {
            document.Add("devices, highest first");
            AddDevices(document, stack);
        }
        foreach (DiskAdapterFacts adapter in storage.Adapters)
            AddAdapter(document, adapter);
        foreach (DiskClassFacts kept in storage.Classes)
            AddClass(document, kept);
        if (storage.Devices.Count > 0)
        {
            document.Add("devices of disks, by their own queues");
            AddDevices(document, storage.Devices,
                "port drivers such as storport have queues of their own: where a device's is not used, that proves nothing");
        }
        if (storage.Requests.Count > 0 && (storage.Adapters.Count == 0 || isVerbose))
            AddRequests(document);
        foreach (Unknown unknown in storage.Unknown)
            document.Add(new LineBlock([new Span("not known  ", Tone.Caution), $"{unknown.What}: {unknown.Why}"], [], 0, 11));
        return document;
    }

    /// <summary>The same for programs.</summary>
    public StorageJson ToJson() => new("hanganalysis-stor/1", Summary(_worst),
        [.. storage.Adapters.Select(a => new AdapterJson(VerdictJsonMapper.Hex(a.Device), VerdictJsonMapper.Hex(a.Extension),
            a.DriverName, a.Module?.FileName, a.Outstanding, a.MostOutstanding, a.PauseCount, a.BusyCount, [.. a.Disks.Select(ToJson)]))],
        [.. storage.Classes.Select(c => new DiskClassJson(VerdictJsonMapper.Hex(c.Device), c.Name, VerdictJsonMapper.Age(c.Timeout),
            c.ErrorCount, c.IsPoweringDown,
            [.. c.Transfers.Select(t => new TransferJson(VerdictJsonMapper.Hex(t.Address), VerdictJsonMapper.Hex(t.Request),
                VerdictJsonMapper.Hex(t.OriginalRequest), t.Retries, t.TimedOut, VerdictJsonMapper.Age(t.Age)))]))],
        [.. storage.Devices.Select(ToJson)], [.. stack.Select(ToJson)],
        [.. storage.Requests.Select(r => RequestWords.ToJson(r, system))],
        [.. storage.Unknown.Select(u => new ReasonJson(u.What, u.Why))]);

    private static DiskJson ToJson(DiskFacts disk) => new(VerdictJsonMapper.Hex(disk.Device), VerdictJsonMapper.Hex(disk.Extension),
        disk.Name, DiskVerdict.Name(DiskVerdict.StateOf(disk)), DiskVerdict.Explain(disk), disk.DeviceState, disk.Outstanding,
        disk.Depth, disk.Waiting, disk.PauseCount, disk.BusyCount, disk.IsFrozen, disk.IsLocked, disk.IsPowerLocked,
        disk.IsUnresponsive, disk.ResetCount, VerdictJsonMapper.Age(disk.Timeout), VerdictJsonMapper.Age(disk.Oldest),
        [.. disk.Requests.Select(r => new DiskRequestJson(VerdictJsonMapper.Hex(r.Address),
            r.Request == 0 ? null : VerdictJsonMapper.Hex(r.Request), VerdictJsonMapper.Age(r.Age), r.AgeUnit, r.IsAborting,
            r.Details?.Thread is { } thread ? VerdictJsonMapper.Hex(thread.Address.Value) : null, r.Details?.Function,
            r.Details?.FileName))]);

    private static StorageDeviceJson ToJson(StorageDeviceFacts device) => new(VerdictJsonMapper.Hex(device.Address), device.Name,
        device.DriverName, device.Kind, device.CurrentRequest == 0 ? null : VerdictJsonMapper.Hex(device.CurrentRequest),
        device.IsBusy, device.Queued);

    private string Summary(DiskFacts? worst)
    {
        if (worst is not null)
            return $"{worst.Name ?? $"disk {worst.Device:x16}"}: {DiskVerdict.Explain(worst)}";
        int disks = storage.Adapters.Sum(a => a.Disks.Count);
        if (disks > 0)
            return $"no trouble at {disks:N0} disk(s) of {storage.Adapters.Count:N0} adapter(s)";
        TimeSpan? longest = null;
        foreach (RequestFacts request in storage.Requests)
            if (request.Thread?.Age is { } age && (longest is null || age > longest))
                longest = age;
        return storage.Requests.Count > 0
            ? $"{storage.Requests.Count:N0} request(s) at devices of disks{(longest is { } wait ? $", the longest wait {AgeText.Format(wait)}" : "")}; queues cannot be seen"
            : "no request of a thread is at a disk; queues cannot be seen";
    }

    private void AddAdapter(Document document, DiskAdapterFacts adapter)
    {
        Span name = adapter.Module is { } module ? Links.To(module, system, module.FileName, Tone.Strong)
            : new Span(adapter.DriverName ?? "unknown driver", Tone.Strong);
        string company = adapter.Module?.Company is { } c ? $", {c}" : "";
        string figures = adapter.Outstanding is { } out_ ? $"  {out_:N0} outstanding" : "";
        if (adapter.MostOutstanding is > 0)
            figures += $", {adapter.MostOutstanding:N0} at most so far";
        if (adapter.PauseCount is > 0)
            figures += $", paused {adapter.PauseCount:N0}";
        document.Add(new LineBlock(["adapter ", name, company, $"  {adapter.Extension:x16}", figures], [], 0, 2));
        List<DiskFacts> shown = [.. adapter.Disks.Where(d => isVerbose || adapter.Disks.Count <= 16
            || DiskVerdict.StateOf(d) != DiskState.Idle)];
        document.Add(new TableBlock(
            [
                new("Disk"), new("Name", CanShrink: true), new("State"), new("Out", Align.Right), new("Depth", Align.Right),
                new("Waiting", Align.Right), new("Paused", Align.Right), new("Queue"), new("Resets", Align.Right),
                new("Oldest", Align.Right),
            ],
            [.. shown.Select(Row)], 2));
        if (shown.Count < adapter.Disks.Count)
            document.Add(new LineBlock([$"{adapter.Disks.Count - shown.Count:N0} idle disks are not shown; !stor -v shows them"], [], 2));
        foreach (DiskFacts disk in shown)
            AddDisk(document, disk);
        document.Blank();
    }

    private IReadOnlyList<Span> Row(DiskFacts disk)
    {
        DiskState state = DiskVerdict.StateOf(disk);
        List<string> flags = [];
        if (disk.IsFrozen == true)
            flags.Add("frozen");
        if (disk.IsLocked == true)
            flags.Add("locked");
        if (disk.IsPowerLocked == true)
            flags.Add("power");
        return
        [
            Links.To(new ObjectReference(ObjectKind.Device, disk.Device), system), disk.Name ?? "-",
            new Span(DiskVerdict.Name(state), DiskVerdict.IsTrouble(state) ? Tone.Bad : Tone.Normal), Number(disk.Outstanding),
            Number(disk.Depth), Number(disk.Waiting), Number(disk.PauseCount), flags.Count > 0 ? string.Join(' ', flags)
                : disk.IsFrozen is null ? "-" : "runs",
            Number(disk.ResetCount), disk.Oldest is { } oldest ? AgeText.Format(oldest) : "-",
        ];
    }

    private void AddDisk(Document document, DiskFacts disk)
    {
        if (DiskVerdict.StateOf(disk) == DiskState.Idle)
            return;
        // What is said of the worst disk stands in the first line.
        if (disk != _worst)
            document.Add(new LineBlock([$"{disk.Name ?? $"{disk.Device:x16}"}: {DiskVerdict.Explain(disk)}"], [], 2, 2));
        else if (disk.Requests.Count > 0)
            document.Add(new LineBlock([$"{disk.Name ?? $"{disk.Device:x16}"}: its requests, the oldest first"], [], 2, 2));
        int most = isVerbose ? int.MaxValue : FewRequests;
        if (disk.Requests.Count == 0)
            return;
        document.Add(new TableBlock(
            [
                new("Record"), new("IRP"), new("Age", Align.Right), new("Function"), new("Thread"), new("Process", CanShrink: true),
                new("File", CanShrink: true),
            ],
            [.. disk.Requests.Take(most).Select(RequestRow)], 4));
        if (disk.Requests.Count > most)
            document.Add(new LineBlock([$"{disk.Requests.Count - most:N0} more; !stor -v shows them"], [], 4));
        if (disk.Requests[0].AgeUnit is { } unit)
            document.Add(new LineBlock([new Span($"age by RequestStartTimeStamp, taken for {unit} by its size: no public source states the unit", Tone.Muted)], [], 4));
    }

    private IReadOnlyList<Span> RequestRow(DiskRequestFacts request) =>
    [
        $"{request.Address:x16}",
        request.Request == 0 ? "-" : Links.To(new ObjectReference(ObjectKind.Request, request.Request), system),
        request.Age is { } age ? AgeText.Format(age) : "-",
        (request.Details is { } details ? RequestWords.Function(details) : null) ?? (request.IsAborting ? "aborting" : "-"),
        request.Details?.Thread is { } thread ? Links.To(thread.Address) : "-",
        request.Details?.Thread?.Process.Title ?? "-", request.Details?.FileName ?? "-",
    ];

    private void AddClass(Document document, DiskClassFacts kept)
    {
        if (kept.Transfers.Count == 0 && kept.ErrorCount is null or 0 && kept.IsPoweringDown != true && !isVerbose)
            return;
        string words = $"{kept.Transfers.Count:N0} transfer(s) under way";
        if (kept.Timeout is { } timeout)
            words += $", time-out {timeout.TotalSeconds:0} s";
        if (kept.ErrorCount is > 0)
            words += $", {kept.ErrorCount:N0} error(s) counted";
        if (kept.IsPoweringDown == true)
            words += ", powering down";
        document.Add(new LineBlock(["class driver of ", Links.To(new ObjectReference(ObjectKind.Device, kept.Device), system),
            $" {kept.Name ?? ""}: {words}"], [], 0, 2));
        if (kept.Transfers.Count > 0)
            document.Add(new TableBlock(
                [new("Packet"), new("IRP"), new("For IRP"), new("NumRetries", Align.Right), new("Timed out"), new("Age", Align.Right)],
                [.. kept.Transfers.Take(isVerbose ? int.MaxValue : FewRequests).Select(t => (IReadOnlyList<Span>)
                [
                    $"{t.Address:x16}", Links.To(new ObjectReference(ObjectKind.Request, t.Request), system),
                    Links.To(new ObjectReference(ObjectKind.Request, t.OriginalRequest), system), $"{t.Retries:N0}",
                    t.TimedOut ? new Span("yes", Tone.Bad) : "no", t.Age is { } age ? AgeText.Format(age) : "-",
                ])], 2));
        document.Blank();
    }

    private void AddDevices(Document document, IReadOnlyList<StorageDeviceFacts> devices, string? note = null)
    {
        document.Add(new TableBlock(
            [
                new("Device"), new("Name", CanShrink: true), new("Driver", CanShrink: true), new("Kind"), new("Own queue"),
                new("Works on"), new("Queued", Align.Right),
            ],
            [.. devices.Select(d => (IReadOnlyList<Span>)
            [
                Links.To(new ObjectReference(ObjectKind.Device, d.Address), system), d.Name ?? "-", d.DriverName ?? "-", d.Kind,
                d.IsBusy == true ? "busy" : "not used",
                d.CurrentRequest == 0 ? "-" : Links.To(new ObjectReference(ObjectKind.Request, d.CurrentRequest), system),
                $"{d.Queued:N0}",
            ])], 2));
        if (note is not null)
            document.Add(new LineBlock([new Span(note, Tone.Muted)], [], 2, 2));
        document.Blank();
    }

    private void AddRequests(Document document)
    {
        document.Add("requests of threads at devices of disks; the age is that of the thread's wait");
        document.Add(new TableBlock(
            [
                new("IRP"), new("Driver", CanShrink: true), new("Function"), new("Thread"), new("Process", CanShrink: true),
                new("Age", Align.Right), new("File", CanShrink: true),
            ],
            [.. storage.Requests.Select(r => (IReadOnlyList<Span>)
            [
                Links.To(new ObjectReference(ObjectKind.Request, r.Address), system),
                RequestWords.Driver(r, RequestWords.Module(r, system)), RequestWords.Function(r) ?? "-",
                r.Thread is { } thread ? Links.To(thread.Address) : "-", r.Thread?.Process.Title ?? "-",
                AgeText.Format(r.Thread?.Age), r.FileName ?? "-",
            ])], 2));
        document.Blank();
    }

    private static Span Number(ulong? value) => value is { } number ? $"{number:N0}" : "-";
}
