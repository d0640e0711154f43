using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Words and JSON for requests: every command tells them in the same way.</summary>
internal static class RequestWords
{
    /// <summary>What stands for the driver of a request that no driver has.</summary>
    public const string Nobody = "no driver";

    /// <summary>The module of the driver that has a request; null where none has it or it is not known.</summary>
    public static ModuleFacts? Module(RequestFacts request, ISystemFacts system) =>
        request.Place == RequestPlace.AtDriver ? system.FindModule(request.DriverStart) : null;

    /// <summary>Name of the driver that has a request, such as <c>\Driver\disk</c>.</summary>
    public static string Driver(RequestFacts request, ModuleFacts? module) => request.Place != RequestPlace.AtDriver ? Nobody
        : request.DriverName ?? module?.FileName ?? $"driver {request.DriverObject:x16}";

    /// <summary>Major function without its prefix; null where no driver has the request.</summary>
    public static string? Function(RequestFacts request) =>
        request.Function?.Replace("IRP_MJ_", "", StringComparison.Ordinal);

    /// <summary>Who has it if no driver does, and what is unusual about it; a dash where nothing is.</summary>
    public static string Remarks(RequestFacts request)
    {
        string text = request.PlaceText ?? "";
        if (request.Remarks.Length > 0)
            text += (text.Length > 0 ? ", " : "") + request.Remarks;
        if (request.MasterRequest != 0)
            text += $"{(text.Length > 0 ? ", " : "")}part of {request.MasterRequest:x16}";
        return text.Length == 0 ? "-" : text;
    }

    /// <summary>A request in the shape of the contract.</summary>
    public static IrpJson ToJson(RequestFacts request, ISystemFacts system)
    {
        ModuleFacts? module = Module(request, system);
        return new IrpJson(
            VerdictJsonMapper.Hex(request.Address),
            request.Thread is { } thread ? VerdictJsonMapper.Hex(thread.Address.Value) : null,
            request.Thread?.Process.Name, request.Thread?.Process.Id, request.Thread?.Id, request.Function, request.Minor,
            request.Place switch
            {
                RequestPlace.AtDriver => "driver", RequestPlace.NoDriver => "nobody", RequestPlace.Completed => "completed",
                _ => "unknown",
            },
            request.Place == RequestPlace.AtDriver ? Driver(request, module) : null, module?.FileName,
            request.Device == 0 ? null : VerdictJsonMapper.Hex(request.Device), request.DevicesAbove, request.DevicesBelow,
            request.FileName, VerdictJsonMapper.Age(request.Thread?.Age), request.IsPaging, request.IsCancelled,
            request.MasterRequest == 0 ? null : VerdictJsonMapper.Hex(request.MasterRequest));
    }
}
