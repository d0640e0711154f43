namespace HangAnalysis.Model;

/// <summary>Who has a request.</summary>
public enum RequestPlace
{
    /// <summary>The driver of the current stack location.</summary>
    AtDriver,

    /// <summary>No driver: it was not sent, or its maker has it back.</summary>
    NoDriver,

    /// <summary>No driver any more: it is completed, and what is left is to tell its thread.</summary>
    Completed,

    /// <summary>Unknown: its stack location is not in the dump.</summary>
    Unknown,
}

/// <summary>A request for input or output (IRP).</summary>
/// <param name="Address">Address of the request.</param>
public sealed record RequestFacts(ulong Address)
{
    /// <summary>Who has it.</summary>
    public RequestPlace Place { get; init; }

    /// <summary>Major function at the current stack location, such as <c>IRP_MJ_READ</c>; null where no driver has it.</summary>
    public string? Function { get; init; }

    /// <summary>Minor function at the current stack location.</summary>
    public byte Minor { get; init; }

    /// <summary>Device at the current stack location, or 0.</summary>
    public ulong Device { get; init; }

    /// <summary>What the device is for people: <c>disk</c>, <c>file system</c> or <c>device</c>.</summary>
    public string DeviceKind { get; init; } = "device";

    /// <summary>Devices above that one in its stack.</summary>
    public int DevicesAbove { get; init; }

    /// <summary>Devices below that one in its stack.</summary>
    public int DevicesBelow { get; init; }

    /// <summary>Driver of the device, or 0.</summary>
    public ulong DriverObject { get; init; }

    /// <summary>First byte of the driver's image, by its driver object.</summary>
    public ulong DriverStart { get; init; }

    /// <summary>Name of the driver, such as <c>\Driver\disk</c>. Text from the dump.</summary>
    public string? DriverName { get; init; }

    /// <summary>File of the request, or 0.</summary>
    public ulong FileObject { get; init; }

    /// <summary>Name of that file. Text from the dump.</summary>
    public string? FileName { get; init; }

    /// <summary>Event that the completion sets, or 0.</summary>
    public ulong UserEvent { get; init; }

    /// <summary>Whether it reads or writes pages for the memory manager.</summary>
    public bool IsPaging { get; init; }

    /// <summary>Whether somebody asked for its cancellation.</summary>
    public bool IsCancelled { get; init; }

    /// <summary>Whether a driver can be told of a cancellation now.</summary>
    public bool HasCancelRoutine { get; init; }

    /// <summary>The request that this one is a part of, or 0.</summary>
    public ulong MasterRequest { get; init; }

    /// <summary>The thread that sent it, as far as that is recorded.</summary>
    public ThreadFacts? Thread { get; init; }

    /// <summary>Where the device is in its stack, such as <c>device 4 of 4</c>; null for a device alone.</summary>
    public string? Position => DevicesAbove + DevicesBelow == 0
        ? null
        : $"device {DevicesAbove + 1} of {DevicesAbove + DevicesBelow + 1} from the top";

    /// <summary>Why nobody can be named who has it; null where a driver has it.</summary>
    public string? PlaceText => Place switch
    {
        RequestPlace.NoDriver => "no driver has it",
        RequestPlace.Completed => "it is completed, and its thread has not been told",
        RequestPlace.Unknown => "its stack location is not in the dump",
        _ => null,
    };

    /// <summary>What is unusual about it, as a list of words; empty where nothing is.</summary>
    public string Remarks
    {
        get
        {
            string text = IsPaging ? "paging" : "";
            if (IsCancelled)
                text += (text.Length > 0 ? ", " : "") + (HasCancelRoutine
                    ? "cancelled and not completed, its cancel routine is still set"
                    : "cancelled and not completed");
            return text;
        }
    }
}
