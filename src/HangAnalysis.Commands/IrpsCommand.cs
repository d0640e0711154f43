using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!irps</c>: pending requests by the driver and device that have them.</summary>
internal sealed class IrpsCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "irps",
        "lists pending requests (IRPs) by the driver and device that have them, the longest wait first",
        "!irps [DRIVER] [/json] [/q]",
        CommandHelp.ListingOptions,
        [("!irps", "all requests that threads, their files and devices show"), ("!irps storahci", "those that one driver has"),
            (".foreach (i {!irps /q Ntfs}) {!irp ${i}}", "runs a command for each request")])
    {
        Subject = "requests to drivers (IRPs)",
    };

    /// <summary>The requests of one driver.</summary>
    private sealed record Group(string Driver, string File, ModuleFacts? Module, List<RequestFacts> Requests);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!irps: one driver at a time; see !irps /?");
        WindowsSystem system = session.RequireWindows(Help.Name);
        string? driver = arguments.Words.Count == 0 ? null : arguments.Words[0];
        List<Group> groups = Select(system, driver);
        List<RequestFacts> requests = [.. groups.SelectMany(g => g.Requests)];
        return new CommandOutput(Arrange(groups, requests.Count, driver, session),
            () => JsonSerializer.Serialize(
                new IrpsJson("hanganalysis-irps/1", [.. requests.Select(r => RequestWords.ToJson(r, system))]),
                ReportJsonContext.Default.IrpsJson),
            [.. requests.Select(r => r.Address)]);
    }

    private static List<Group> Select(WindowsSystem system, string? driver)
    {
        Dictionary<string, Group> groups = new(StringComparer.OrdinalIgnoreCase);
        foreach (RequestFacts request in system.FindRequests())
        {
            ModuleFacts? module = RequestWords.Module(request, system);
            string name = RequestWords.Driver(request, module);
            string file = module?.FileName ?? "";
            if (driver is not null && !Means(driver, name, file))
                continue;
            if (!groups.TryGetValue(name, out Group? group))
                groups.Add(name, group = new Group(name, file, module, []));
            group.Requests.Add(request);
        }
        foreach (Group group in groups.Values)
            group.Requests.Sort(Compare);
        List<Group> sorted = [.. groups.Values];
        sorted.Sort((a, b) => Compare(a.Requests[0], b.Requests[0]));
        return sorted;
    }

    /// <summary>Whether a word names a driver: <c>\Driver\disk</c>, <c>disk</c>, <c>disk.sys</c>.</summary>
    private static bool Means(string word, string driver, string file) =>
        driver.Equals(word, StringComparison.OrdinalIgnoreCase)
        || driver.EndsWith($"\\{word}", StringComparison.OrdinalIgnoreCase)
        || file.Equals(word, StringComparison.OrdinalIgnoreCase)
        || file.StartsWith($"{word}.", StringComparison.OrdinalIgnoreCase);

    /// <summary>The longest wait first; requests without a thread last.</summary>
    private static int Compare(RequestFacts a, RequestFacts b)
    {
        int order = (b.Thread?.Age ?? TimeSpan.MinValue).CompareTo(a.Thread?.Age ?? TimeSpan.MinValue);
        return order != 0 ? order : a.Address.CompareTo(b.Address);
    }

    private static Document Arrange(List<Group> groups, int count, string? driver, CommandSession session)
    {
        Document document = new();
        foreach (Group group in groups)
        {
            Span name = group.Module is null ? new Span(group.Driver, Tone.Strong)
                : Links.To(group.Module, session.System, group.Driver, Tone.Strong);
            string company = group.Module?.Company is { } c ? $", {c}" : "";
            document.Add(name, group.File.Length == 0 ? "" : $"  {group.File}{company}",
                $"  {group.Requests.Count:N0} request{(group.Requests.Count == 1 ? "" : "s")}");
            foreach (IGrouping<ulong, RequestFacts> device in group.Requests.GroupBy(r => r.Device))
                AddDevice(document, [.. device], session.Windows);
            document.Blank();
        }
        document.Add(count == 0
            ? driver is null ? "no request is pending in any thread's list" : $"no request is at '{driver}'; !irps lists all"
            : $"{count:N0} request(s) at {groups.Count:N0} driver(s); the age is that of the thread's wait");
        if (session.Cancellation.IsCancellationRequested)
            document.Add("interrupted: not all threads were looked at");
        return document;
    }

    private static void AddDevice(Document document, List<RequestFacts> requests, WindowsSystem system)
    {
        RequestFacts first = requests[0];
        if (first.Device != 0)
            document.Add(new LineBlock(["device ", Links.To(new ObjectReference(ObjectKind.Device, first.Device), system),
                first.Position is { } position ? $"  {first.DeviceKind}, {position}" : $"  {first.DeviceKind}"], [], 2));
        document.Add(new TableBlock(
            [
                new("Request"), new("Thread"), new("Process"), new("Function", CanShrink: true), new("Age", Align.Right),
                new("File", CanShrink: true), new("Remarks", CanShrink: true),
            ],
            [.. requests.Select(r => Row(r, system))], 4));
    }

    private static IReadOnlyList<Span> Row(RequestFacts request, WindowsSystem system) =>
    [
        Links.To(new ObjectReference(ObjectKind.Request, request.Address), system),
        request.Thread is { } thread ? Links.To(thread.Address) : "-",
        request.Thread is { } sender ? new Span(sender.Process.Title, Tone.Normal, Links.CommandFor(sender.Process)) : "-",
        RequestWords.Function(request) ?? "-", AgeText.Format(request.Thread?.Age), request.FileName ?? "-",
        RequestWords.Remarks(request),
    ];
}
