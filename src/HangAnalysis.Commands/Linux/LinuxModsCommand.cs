using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!mods</c>: the modules of the kernel with what makes them suspect.</summary>
internal sealed class LinuxModsCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "mods",
        "lists the kernel's modules: address, size, state, users, taints with their meaning, version",
        "!mods [-3] [NAME] [-v] [/json] [/q]",
        [
            new("3", null, "only modules that were not built with the kernel"),
            new("v", null, "also the parts of each in memory"),
            .. CommandHelp.ListingOptions,
        ],
        [("!mods -3", "the drivers of others"), ("!mods ext4 -v", "one module with its parts in memory")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!mods: one name at a time; see !mods /?");
        session.Commands.RequireOwn(Help.Name);
        LinuxSystem system = session.System as LinuxSystem
            ?? throw new CommandDeclinedException("!mods is for dumps of Linux here");
        string? name = arguments.Words.Count == 0 ? null : arguments.Words[0];
        List<LinuxModule> modules = [];
        foreach (LinuxModule module in system.Modules)
            if ((name is null || module.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                && (!arguments.Has("3") || system.DescribeModule(module).Origin == ModuleOrigin.ThirdParty))
                modules.Add(module);
        if (name is not null && modules.Count == 0)
            throw new CommandUsageException($"!mods: no module is called '{name}'; see !mods");
        return new CommandOutput(Arrange(modules, system, arguments.Has("v"), name is null),
            () => JsonSerializer.Serialize(ToJson(modules, system), ReportJsonContext.Default.LinuxModulesJson),
            [.. modules.Select(m => m.Address)]);
    }

    /// <summary>What a module is doing.</summary>
    private static string StateOf(LinuxModule module) => module.State switch
    {
        LinuxModuleState.Live => "live",
        LinuxModuleState.Coming => "coming",
        LinuxModuleState.Going => "going",
        LinuxModuleState.Unformed => "unformed",
        _ => "?",
    };

    private static Document Arrange(List<LinuxModule> modules, LinuxSystem system, bool withParts, bool isWhole)
    {
        Document document = new();
        if (modules.Count > 0)
            document.Add(new TableBlock(
                [
                    new("MODULE"), new("NAME", CanShrink: true), new("BASE"), new("SIZE", Align.Right), new("State"),
                    new("Used", Align.Right), new("by", CanShrink: true), new("Taints"), new("Version", CanShrink: true),
                ],
                [.. modules.Select(m => Row(m, system))])).Blank();
        if (withParts)
            foreach (LinuxModule module in modules)
                AddParts(document, module);
        SortedSet<char> letters = [.. modules.SelectMany(m => m.Taints)];
        if (isWhole)
        {
            document.Add($"{modules.Count:N0} of {system.Modules.Count:N0} modules");
            letters.UnionWith(AddKernel(document, system));
        }
        foreach (char letter in letters)
            if (TaintFlags.Meaning(letter) is { } meaning)
                document.Add(new LineBlock([$"{letter}  {meaning}"], [], 2, 3));
        return document;
    }

    private static IReadOnlyList<Span> Row(LinuxModule module, LinuxSystem system)
    {
        (int? count, IReadOnlyList<string> users) = system.GetUsers(module);
        return
        [
            $"{module.Address:x16}",
            new Span(module.Name, system.DescribeModule(module).Origin == ModuleOrigin.ThirdParty ? Tone.Caution
                : Tone.Normal,
                $"!mods {module.Name} -v"),
            $"{module.Base:x16}", $"{module.Size}", StateOf(module), count is { } used ? $"{used}" : "-",
            users.Count == 0 ? "-" : string.Join(',', users), module.Taints.Length == 0 ? "-" : module.Taints,
            module.Version ?? "-",
        ];
    }

    private static void AddParts(Document document, LinuxModule module)
    {
        document.Add(new Span(module.Name, Tone.Strong));
        foreach (LinuxModuleRange part in module.Ranges)
            document.Add(new LineBlock([$"{part.Start:x16}-{part.Start + part.Size:x16} {part.Size,9:N0} bytes  " +
                $"{(part.IsText ? "code" : "data")}{(part.IsInit ? ", of its start: freed when that has returned" : "")}"],
                    [], 2));
        document.Blank();
    }

    /// <summary>Adds what has tainted the kernel; returns the letters.</summary>
    private static IEnumerable<char> AddKernel(Document document, LinuxSystem system)
    {
        string? taints = system.KernelTaints;
        document.Add(taints switch
        {
            null => "whether the kernel is tainted is not known: it has no symbol tainted_mask",
            "" => "the kernel is not tainted",
            _ => new Span($"the kernel is tainted: {taints}", Tone.Caution),
        });
        foreach (UnloadedTaint gone in system.UnloadedTaints ?? [])
            document.Add(new LineBlock([$"unloaded {gone.Name} ({gone.Taints}), " +
                $"{gone.Count:N0} time{(gone.Count == 1 ? "" : "s")}"], [], 2));
        return taints ?? "";
    }

    private static LinuxModulesJson ToJson(List<LinuxModule> modules, LinuxSystem system) => new("hanganalysis-linux-mods/1",
        [.. modules.Select(m => ToJson(m, system))], system.KernelTaints, Meanings(system.KernelTaints),
        system.UnloadedTaints is { } gone ? [.. gone.Select(u => new UnloadedTaintJson(u.Name, u.Taints, u.Count))] : null);

    private static LinuxModuleJson ToJson(LinuxModule module, LinuxSystem system)
    {
        (int? count, IReadOnlyList<string> users) = system.GetUsers(module);
        return new LinuxModuleJson(VerdictJsonMapper.Hex(module.Address), module.Name, VerdictJsonMapper.Hex(module.Base),
            module.Size,
            StateOf(module), count, users, module.Taints, Meanings(module.Taints)!, module.Version,
            VerdictWords.Of(system.DescribeModule(module).Origin, system.Words),
            [.. module.Ranges.Select(r => new LinuxModulePartJson(VerdictJsonMapper.Hex(r.Start), r.Size, r.IsText,
                r.IsInit))]);
    }

    private static List<string>? Meanings(string? letters)
    {
        if (letters is null)
            return null;
        List<string> meanings = [];
        foreach (char letter in letters)
            if (TaintFlags.Meaning(letter) is { } meaning)
                meanings.Add(meaning);
        return meanings;
    }
}
