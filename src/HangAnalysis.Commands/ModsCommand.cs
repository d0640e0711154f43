using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Targets;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!mods</c>: the kernel's modules with version and company.</summary>
internal sealed class ModsCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "mods",
        "lists the kernel's modules with version, company and link date",
        "!mods [-3] [NAME] [/json] [/q]",
        [new("3", null, "only modules that are not part of Windows"), .. CommandHelp.ListingOptions],
        [("!mods -3", "the drivers of others"), ("!mods TmXPFlt", "one module, and where its symbols come from")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!mods: one name at a time; see !mods /?");
        string? name = arguments.Words.Count == 0 ? null : arguments.Words[0];
        WindowsSystem system = session.Windows;
        List<(ModuleFacts Facts, TargetModule Module)> modules = [];
        foreach (TargetModule module in system.Target.KernelModules)
        {
            ModuleFacts facts = system.DescribeModule(module);
            bool fits = name is null || module.Name.Equals(name, StringComparison.OrdinalIgnoreCase)
                || module.FileName.Equals(name, StringComparison.OrdinalIgnoreCase);
            if (fits && (!arguments.Has("3") || facts.Origin is ModuleOrigin.ThirdParty or ModuleOrigin.Unknown))
                modules.Add((facts, module));
        }
        return new CommandOutput(Arrange(modules, system, name),
            () => JsonSerializer.Serialize(new ModulesJson("hanganalysis-mods/1", [.. modules.Select(m => new ModuleJson(
                VerdictJsonMapper.Hex(m.Module.BaseAddress), $"0x{m.Module.Size:x}", m.Facts.Name, m.Facts.FileName,
                m.Facts.Version, m.Facts.Company, m.Facts.LinkDate?.ToString("yyyy-MM-dd"),
                VerdictWords.Of(m.Facts.Origin, system.Words)))]),
                ReportJsonContext.Default.ModulesJson),
            [.. modules.Select(m => m.Module.BaseAddress)]);
    }

    private static Document Arrange(
        List<(ModuleFacts Facts, TargetModule Module)> modules, WindowsSystem system, string? name)
    {
        Document document = new();
        document.Add(new TableBlock(
            [
                new("Address"), new("Size", Align.Right), new("Name", CanShrink: true), new("File", CanShrink: true),
                new("Version", CanShrink: true), new("Company", CanShrink: true), new("Date"), new("Origin"),
            ],
            [.. modules.Select(m => (IReadOnlyList<Span>)
            [
                Links.To(m.Facts, system, $"{m.Module.BaseAddress:x16}"), $"{m.Module.Size:x}", m.Facts.Name,
                m.Facts.FileName, m.Facts.Version ?? "-", m.Facts.Company ?? "-",
                m.Facts.LinkDate?.ToString("yyyy-MM-dd") ?? "-", VerdictWords.Of(m.Facts.Origin, system.Words),
            ])]));
        document.Blank();
        if (name is not null && modules.Count == 1)
            foreach (string line in system.Target.DescribeSearch(modules[0].Module))
                document.Add($"symbols: {line}");
        IReadOnlyList<UnloadedModule> unloaded = system.Target.UnloadedModules;
        document.Add($"{modules.Count:N0} of {system.Target.KernelModules.Count:N0} modules; " +
            $"{unloaded.Count:N0} unloaded driver{(unloaded.Count == 1 ? "" : "s")} recorded");
        if (name is null)
            foreach (UnloadedModule driver in unloaded)
                document.Add(new LineBlock([$"unloaded {driver.StartAddress:x16}-{driver.EndAddress:x16} {driver.Name}"], [], 2));
        return document;
    }
}
